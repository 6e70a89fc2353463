// The documents of the service and the tables of the code have the same rows.
#include "server/docs/documents.h"

#include <rapidjson/document.h>
#include <rapidjson/pointer.h>

#include <algorithm>
#include <boost/algorithm/string/case_conv.hpp>
#include <set>
#include <vector>

#include "server/api/live_events.h"
#include "server/api/route_table.h"
#include "server/job/outcome_kind.h"
#include "tests/support/catch.h"

namespace pyexec {
namespace {

using Names = std::vector<std::string>;

constexpr JobCaps kCaps = {.timeout_ms = 12345, .memory_mb = 678, .output_bytes = 91011};

const rapidjson::Document& document() {
  static const rapidjson::Document parsed = [] {
    rapidjson::Document made;
    made.Parse(openapi_document(kCaps).c_str());
    return made;
  }();
  REQUIRE_FALSE(parsed.HasParseError());
  return parsed;
}

// What a JSON pointer leads to.
const rapidjson::Value& at(const std::string& pointer) {
  const rapidjson::Value* const found =
      rapidjson::Pointer(pointer.data(), pointer.size()).Get(document());
  CAPTURE(pointer);
  REQUIRE(found != nullptr);
  return *found;
}

Names keys(const rapidjson::Value& object) {
  Names names;
  for (const auto& member : object.GetObject()) names.emplace_back(member.name.GetString());
  return names;
}

Names texts(const rapidjson::Value& array) {
  Names all;
  for (const auto& text : array.GetArray()) all.emplace_back(text.GetString());
  return all;
}

template <typename Rows, typename NameOf>
Names names_of(const Rows& rows, NameOf name_of) {
  Names names;
  for (const auto& row : rows) names.emplace_back(name_of(row));
  return names;
}

Names names_in(const rapidjson::Value& rows) {
  return names_of(rows.GetArray(), [](const auto& row) { return row["name"].GetString(); });
}

Names outcome_names() {
  Names names;
  for (std::size_t i = 0; i < kOutcomes; ++i)
    names.emplace_back(outcome_name(static_cast<OutcomeKind>(i)));
  return names;
}

// A line of a batch has no tools.
Names fields_up_to(FieldOf last) {
  Names names;
  for (const JobField& field : kJobFields)
    if (field.of <= last && (field.of != FieldOf::caller || last == FieldOf::caller))
      names.emplace_back(field.name);
  return names;
}

TEST_CASE("the document is filled in", "[documents]") {
  CHECK(at("/info/version").GetString() == std::string(PYEXEC_VERSION));
  const std::string fields = "/components/schemas/Job/properties/";
  CHECK(at(fields + "timeout_ms/maximum").GetUint64() == kCaps.timeout_ms);
  CHECK(at(fields + "memory_mb/maximum").GetUint64() == kCaps.memory_mb);
  CHECK(at(fields + "output_bytes/maximum").GetUint64() == kCaps.output_bytes);
}

TEST_CASE("the page is filled in but for the address", "[documents]") {
  const std::string page = front_page(kCaps);
  for (const char* value : {PYEXEC_VERSION, "12345", "678", "91011", "curl -s @address@/execute"})
    CHECK_THAT(page, test::contains(value));
  CHECK_THAT(page, !test::contains("<!-- "));
}

TEST_CASE("the document has the fields of jobs, lines and defaults", "[documents]") {
  const std::string schemas = "/components/schemas/";
  CHECK(keys(at(schemas + "Job/properties")) == fields_up_to(FieldOf::caller));
  CHECK(keys(at(schemas + "BatchLine/properties")) == fields_up_to(FieldOf::batch_line));
  CHECK(keys(at(schemas + "BatchDefaults/properties")) == fields_up_to(FieldOf::batch_header));
  Names of_cell = fields_up_to(FieldOf::caller), of_session;
  of_cell.emplace_back("at");
  for (const JobField& field : kJobFields)
    if (is_of_setup(field.name) || field.of == FieldOf::session || field.name == "template")
      of_session.emplace_back(field.name);
  Names of_template;
  for (const JobField& field : kJobFields)
    if (is_of_setup(field.name)) of_template.emplace_back(field.name);
  CHECK(keys(at(schemas + "TemplateRequest/properties")) == of_template);
  CHECK(keys(at(schemas + "Cell/properties")) == of_cell);
  CHECK(keys(at(schemas + "SessionRequest/properties")) == of_session);
}

TEST_CASE("the document has every outcome with its status first", "[documents]") {
  const auto& rows = at("/x-pyexec-outcomes");
  REQUIRE(names_in(rows) == outcome_names());
  for (rapidjson::SizeType i = 0; i < rows.Size(); ++i)
    CHECK(rows[i]["statuses"][0].GetUint() == outcome_status(static_cast<OutcomeKind>(i)));
  CHECK(texts(at("/components/schemas/Outcome/enum")) == outcome_names());
}

TEST_CASE("the document has every route with its method", "[documents]") {
  // In the order of the table; a path may have several methods.
  std::vector<std::pair<std::string, std::string>> expected, told;
  for (const Route& route : kRoutes) {
    const std::string method(boost::beast::http::to_string(route.method));
    expected.emplace_back(route.path, boost::to_lower_copy(method));
  }
  for (const std::string& path : keys(at("/paths")))
    for (const std::string& method : keys(at("/paths")[path.c_str()]))
      told.emplace_back(path, method);
  REQUIRE(told == expected);
  for (std::size_t i = 0; i < told.size(); ++i) {
    const Route& route = kRoutes[i];
    const auto& operation = at("/paths")[told[i].first.c_str()][told[i].second.c_str()];
    CHECK(operation["operationId"].GetString() == std::string(route.name_text));
    CHECK(texts(operation["tags"]) == Names{route.of == RouteOf::jobs ? "jobs" : "service"});
    CHECK(operation["security"].Empty() == (route.of == RouteOf::service));
  }
}

TEST_CASE("the document has every event of a live answer", "[documents]") {
  Names events(std::begin(kLiveEventNames), std::end(kLiveEventNames));
  CHECK(names_in(at("/x-pyexec-events")) == events);
  const auto name_of_event = [](const auto& schema) {
    return schema["properties"]["event"]["const"].GetString();
  };
  const auto& sent = at("/components/schemas/ServerSentEvent/oneOf").GetArray();
  CHECK(names_of(sent, name_of_event) == events);
  events.emplace_back("ping");
  const auto& lines = at("/components/schemas/Event/oneOf").GetArray();
  CHECK(names_of(lines, name_of_event) == events);
}

}  // namespace
}  // namespace pyexec
