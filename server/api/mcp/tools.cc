#include "server/api/mcp/tools.h"

#include <algorithm>

#include "server/json/object_writer.h"

namespace pyexec::mcp {
namespace {

std::string described(const std::string& type, const std::string& description) {
  ObjectWriter out;
  out.text("type", type);
  out.text("description", description);
  return out.object();
}

std::string input_schema(const Surroundings& here, const JobCaps& caps) {
  ObjectWriter timeout;
  timeout.text("type", "integer");
  timeout.text("description", "Time limit in milliseconds; the default is the most there may be.");
  timeout.number("minimum", 1);
  timeout.number("maximum", caps.timeout_ms);
  ObjectWriter files;
  files.text("type", "object");
  files.text(
      "description",
      "Files to put into the working directory first: name to text, or to {\"base64\": ...}.");
  files.json("additionalProperties", "true");
  ObjectWriter properties;
  properties.json("code",
                  described("string",
                            "Python code, as in a notebook cell. The value of its last expression "
                            "is the result; print() what else is to be seen."));
  if (here.has_scratch) properties.json("files", files.object());
  properties.json("timeout_ms", timeout.object());
  properties.json(
      "session",
      described("string",
                "\"new\" begins a session, whose handle is in the answer. Code that is sent with "
                "that handle finds the variables, imports and files of what ran before in it. "
                "Without a session, nothing is kept."));
  ObjectWriter schema;
  schema.text("type", "object");
  schema.json("properties", properties.object());
  schema.json("required", "[\"code\"]");
  schema.json("additionalProperties", "false");
  return schema.object();
}

// As a list within a sentence: it costs a model's attention.
std::string names_of(const std::vector<std::string>& packages) {
  constexpr std::size_t kMost = 40;
  std::string text;
  for (std::size_t i = 0; i < std::min(packages.size(), kMost); ++i)
    text += (text.empty() ? " Also there: " : ", ") + packages[i];
  if (packages.size() > kMost) text += " and more, as importlib.metadata says";
  return text.empty() ? text : text + ".";
}

std::string seconds_of(std::uint64_t ms) {
  std::string text = std::to_string(ms / 1000);
  if (ms % 1000 == 0) return text;
  std::string rest = std::to_string(1000 + ms % 1000).replace(0, 1, ".");
  return text + rest.erase(rest.find_last_not_of('0') + 1);
}

std::string description(const Surroundings& here, const JobCaps& caps) {
  std::string text = "Runs Python " + here.python +
                     " code in a sandbox and returns what it printed "
                     "and the value of its last expression. numpy " +
                     here.numpy + ", pandas " + here.pandas + " and matplotlib are there.";
  text += names_of(here.packages) + " Nothing can be installed, and there is no network.";
  text += " Limits: " + seconds_of(caps.timeout_ms) + " s, " + std::to_string(caps.memory_mb) +
          " MiB of memory.";
  text += here.has_scratch
              ? " Open matplotlib figures, and image files in the working directory, are returned "
                "as images."
              : " Code cannot write files here.";
  return text;
}

}  // namespace

std::string instructions(const Surroundings& here) {
  return "Use run_python for anything that is better computed than guessed: arithmetic, dates, "
         "parsing, tables, statistics, plots. Python " +
         here.python + ", no network.";
}

std::string own_tool(const Surroundings& here, const JobCaps& caps) {
  ObjectWriter annotations;
  annotations.text("title", "Run Python");
  annotations.boolean("readOnlyHint", true);
  annotations.boolean("destructiveHint", false);
  annotations.boolean("openWorldHint", false);
  ObjectWriter tool;
  tool.text("name", kRunPython);
  tool.text("title", "Run Python");
  tool.text("description", description(here, caps));
  tool.json("inputSchema", input_schema(here, caps));
  tool.json("annotations", annotations.object());
  return tool.object();
}

}  // namespace pyexec::mcp
