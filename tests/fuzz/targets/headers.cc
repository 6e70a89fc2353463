// Values of request headers; each line of the input is one.
#include <boost/beast/http/fields.hpp>

#include "server/auth/api_keys.h"
#include "server/http/accept.h"
#include "server/http/content_encoding.h"
#include "server/http/cors.h"
#include "server/http/quality.h"
#include "server/http/request_id.h"
#include "server/job/media_type.h"
#include "server/telemetry/trace.h"
#include "tests/fuzz/fuzz.h"

namespace pyexec {
namespace {

constexpr std::string_view kTypes[] = {"application/json", "application/x-ndjson", "text/html"};

void try_choices(const std::string& value) {
  for (const Choice& choice : parse_choices(value))
    FUZZ_CHECK(choice.thousandths >= 0 && choice.thousandths <= 1000);
  const auto best = best_type(value, kTypes);
  FUZZ_CHECK(!best || *best < std::size(kTypes));
  FUZZ_CHECK(media_type(value).size() <= value.size() + 64);
}

void try_encoding(const std::string& value) {
  namespace http = boost::beast::http;
  http::fields head;
  head.insert(http::field::content_encoding, value);
  head.insert(http::field::content_encoding, "gzip");
  if (!content_encoding(head)) FUZZ_CHECK(!problem_with_encoding(head).empty());
}

void try_trace(const std::string& value) {
  for (const auto& trace : {trace_of(value, ""), trace_of("", value)}) {
    if (!trace) continue;
    FUZZ_CHECK(trace->trace_id.size() == 32);
    FUZZ_CHECK(trace->span_id.empty() || trace->span_id.size() == 16);
  }
}

void try_identity(const std::string& value) {
  const std::string id = request_id_for(value);
  FUZZ_CHECK(!id.empty() && id.size() <= 128);
  FUZZ_CHECK(id.find_first_of("\r\n\"\\") == std::string::npos);  // it goes to an answer and a log
  if (const auto token = bearer_token(value)) FUZZ_CHECK(token->size() < value.size());
}

void try_origin(const std::string& value) {
  static const CorsPolicy policy = *CorsPolicy::parse("https://a.example, http://b.example:8080");
  for (const auto& [name, text] : policy.headers_for(value))
    FUZZ_CHECK(text.find_first_of("\r\n") == std::string::npos);
  policy.preflight(value, "POST");
  policy.preflight("https://a.example", value);
  CorsPolicy::parse(value);
}

}  // namespace
}  // namespace pyexec

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pyexec;
  for (const std::string& value : fuzz::lines_of(fuzz::text_of(data, size)))
    for (const auto attempt : {try_choices, try_encoding, try_trace, try_identity, try_origin})
      attempt(value);
  return 0;
}
