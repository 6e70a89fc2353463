#include "server/api/mcp/result.h"

#include <algorithm>

#include "server/base/base64.h"
#include "server/job/displays.h"
#include "server/job/media_type.h"
#include "server/json/object_writer.h"

namespace pyexec::mcp {
namespace {

class Content {
 public:
  void text(std::string_view text) {
    ObjectWriter item;
    item.text("type", "text");
    item.text("text", text);
    add(item.object());
  }
  void image(std::string_view type, std::string_view data) {
    ObjectWriter item;
    item.text("type", "image");
    item.text("data", encode_base64(data));
    item.text("mimeType", type);
    add(item.object());
  }
  // What a picture there is of it, or else its text.
  void display(const Display& display) {
    for (const auto& [media_type, data] : display)
      if (media_type.starts_with("image/") && !is_text_display(media_type))
        return image(media_type, data);
    for (const auto& [media_type, data] : display)
      if (media_type == "text/plain") text(data);
  }
  // A value as text: a string as it is.
  void value(const std::string& json) {
    const auto plain = text_of_json(json);
    text(plain ? *plain : json);
  }
  // Items that a script has made. Returns false if they are none.
  bool items(std::string_view json) {
    const auto whole = JsonMembers::of(json);
    const std::string_view made = whole ? (*whole)["content"] : "";
    if (!made.starts_with('[') || !are_items(made)) return false;
    add(std::string(made.substr(1, made.size() - 2)));
    is_error_ = (*whole)["isError"] == "true";
    return true;
  }
  bool is_error() const { return is_error_; }  // by the script's own word
  bool is_empty() const { return list_.size() == 1; }
  std::string list() const { return list_ + "]"; }

 private:
  static bool are_items(std::string_view list) {
    const auto items = items_of_json(list);
    return !items.empty() && std::all_of(items.begin(), items.end(), is_item);
  }
  static bool is_item(std::string_view json) {
    const auto item = JsonMembers::of(json);
    const std::string type = item ? item->text("type").value_or("") : "";
    if (type == "text") return item->text("text").has_value();
    if (type == "image" || type == "audio") return item->text("data") && item->text("mimeType");
    if (type == "resource") return item->object("resource").text("uri").has_value();
    return type == "resource_link" && item->text("uri") && item->text("name");
  }
  void add(const std::string& item) { list_ += (is_empty() ? "" : ", ") + item; }
  std::string list_ = "[";
  bool is_error_ = false;
};

std::string told(const OutputCapture& output, const char* name) {
  std::string text(output.text());
  if (output.truncated()) text += std::string("\n(the rest of ") + name + " was cut off)";
  return text;
}

}  // namespace

std::string finished(const Message& message, ObjectWriter members) {
  if (message.era == Era::stateless) {
    ObjectWriter server;
    server.text("name", "pyexec");
    server.text("version", PYEXEC_VERSION);
    ObjectWriter meta;
    meta.json(kMetaServer, server.object());
    members.text("resultType", "complete");
    members.json("_meta", meta.object());
  }
  return members.object();
}

std::string job_result(const Message& message, const Outcome& outcome, const JobOutput& output,
                       const std::string& session) {
  const bool is_ok = outcome.kind == OutcomeKind::ok;
  Content content;
  if (!output.standard.text().empty()) content.text(told(output.standard, "stdout"));
  if (!output.errors.text().empty()) content.text("stderr:\n" + told(output.errors, "stderr"));
  if (!is_ok) content.text(outcome.error);
  const std::string why_none = is_ok && outcome.cell ? outcome.cell->result_problem : "";
  if (is_ok && outcome.cell && outcome.cell->repr)
    content.text(*outcome.cell->repr);
  else if (!why_none.empty())
    content.text(why_none);
  const bool is_of_script = is_ok && !outcome.cell;
  const bool has_items = is_of_script && content.items(outcome.result_json);
  if (is_of_script && !has_items) content.value(outcome.result_json);
  for (const Display& display : outcome.displays) content.display(display);
  if (outcome.displays_truncated)
    content.text("(more was shown, and left out: beyond PYEXEC_DISPLAYS or PYEXEC_DISPLAY_BYTES)");
  for (const NamedBytes& file : outcome.files) content.image(media_type(file.name), file.bytes);
  if (content.is_empty()) content.text("(no output, and the last line has no value)");
  if (!session.empty()) content.text("session: " + session);

  ObjectWriter structured;
  structured.text("outcome", outcome_name(outcome.kind));
  if (is_ok && !has_items) structured.json("result", outcome.result_json);
  if (!why_none.empty()) structured.text("result_problem", why_none);
  if (!is_ok) structured.text("error", outcome.error);
  structured.text("stdout", output.standard.text());
  structured.text("stderr", output.errors.text());
  if (!session.empty()) structured.text("session", session);

  ObjectWriter members;
  members.json("content", content.list());
  members.json("structuredContent", structured.object());
  members.boolean("isError", !is_ok || content.is_error());
  return finished(message, std::move(members));
}

std::string failed_result(const Message& message, const std::string& why) {
  Content content;
  content.text(why);
  ObjectWriter members;
  members.json("content", content.list());
  members.boolean("isError", true);
  return finished(message, std::move(members));
}

}  // namespace pyexec::mcp
