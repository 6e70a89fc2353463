#include "server/config/config.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <limits>
#include <map>
#include <optional>
#include <sstream>
#include <string_view>

#include "server/base/ascii.h"
#include "server/base/random.h"
#include "server/base/sha256.h"
#include "server/config/knobs.h"

namespace pyexec {
namespace {

// Variables set by platforms, on which settings fall back.
struct PlatformVariable {
  std::string_view flag;
  const char* variable;
};
constexpr PlatformVariable kPlatformVariables[] = {{"--port", "PORT"},
                                                   {"--trace-project", "GOOGLE_CLOUD_PROJECT"}};

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::map<std::string, std::string> variables(const char* const* environment) {
  std::map<std::string, std::string> out;
  for (; *environment != nullptr; ++environment) {
    const std::string_view entry = *environment;
    const auto equals = entry.find('=');
    if (equals != std::string_view::npos)
      out.emplace(entry.substr(0, equals), entry.substr(equals + 1));
  }
  return out;
}

std::string describe(const NumberKnob& knob) {
  std::ostringstream out;
  out << knob.meaning << " [" << knob.variable << "; default " << knob.fallback << " " << knob.unit
      << "; " << knob.least << " to " << knob.most << "]";
  return out.str();
}

std::string describe(const TextKnob& knob) {
  const std::string shown = knob.fallback.empty() ? "none" : knob.fallback;
  return std::string(knob.meaning) + " [" + knob.variable + "; default " + shown + "]";
}

// Variables that were renamed: refused with their current name.
struct FormerVariable {
  std::string_view name;
  std::string_view now;
};
constexpr FormerVariable kFormerVariables[] = {{"PYEXEC_QUEUE", "PYEXEC_MAX_QUEUED"},
                                               {"PYEXEC_QUEUE_RESULTS", "PYEXEC_PUSH_RESULTS"},
                                               {"PYEXEC_STDOUT_BYTES", "PYEXEC_OUTPUT_BYTES"}};

// Variables of the clients, which may be set in the same shell.
constexpr std::string_view kClientVariables[] = {"PYEXEC_URL", "PYEXEC_KEY"};

bool known_variable(const std::string& name) {
  for (const auto known : kClientVariables)
    if (name == known) return true;
  for (const auto& knob : number_knobs())
    if (name == knob.variable) return true;
  for (const auto& knob : text_knobs())
    if (name == knob.variable) return true;
  return false;
}

struct Source {
  std::string name;
  std::string text;
};

// The source of a setting's value: its flag, its variable, or none.
template <typename Knob>
std::optional<Source> find_source(const Knob& knob, const std::map<std::string, std::string>& flags,
                                  const std::map<std::string, std::string>& environment) {
  if (const auto flag = flags.find(knob.flag); flag != flags.end())
    return Source{knob.flag, flag->second};
  std::vector<const char*> names = {knob.variable};
  for (const auto& row : kPlatformVariables)
    if (row.flag == knob.flag) names.push_back(row.variable);
  for (const char* name : names)
    if (const auto variable = environment.find(name); variable != environment.end())
      return Source{name, variable->second};
  return std::nullopt;
}

ConfigResult refuse(std::string message) {
  return {ConfigResult::Next::exit_usage, {}, std::move(message)};
}

ConfigResult refuse_variable(const std::string& name) {
  std::string message = "unknown variable " + name;
  for (const auto& former : kFormerVariables)
    if (former.name == name) message.append("; it is called ").append(former.now).append(" now");
  return refuse(message + "; pyexec-server --help lists the known ones\n");
}

// The key is told once: the file has its hash alone.
ConfigResult make_key(const std::string& name) {
  constexpr std::size_t kKeyBytes = 32, kMostNameBytes = 64;
  if (name.empty() || name.size() > kMostNameBytes || !is_alphanumeric_or(name, "._-"))
    return refuse(
        "--new-key: the name is not 1 to 64 characters of A-Z, a-z, 0-9, '.', '_' and '-'\n");
  const std::string key = random_hex(kKeyBytes);
  const auto hash = sha256(key);
  if (!hash) return refuse("--new-key: OpenSSL gives no SHA-256\n");
  return {ConfigResult::Next::exit_ok,
          {},
          "key:  " + key + "\nline: " + name + " " + as_hex(*hash) + "\n"};
}

}  // namespace

ConfigResult read_config(int argc, const char* const* argv, const char* const* environment) {
  CLI::App app("Runs untrusted Python scripts behind an HTTP API.", "pyexec-server");
  bool probe = false;
  app.add_flag("--probe", probe,
               "print what isolation this host allows as one JSON document, and exit");
  std::string new_key;
  app.add_option("--new-key", new_key,
                 "make an API key for a client of this name, print it and its line for "
                 "PYEXEC_KEYS_FILE, and exit")
      ->type_name("NAME");
  app.set_version_flag("--version", "pyexec " PYEXEC_VERSION);
  std::map<std::string, std::string> flags;
  for (const auto& knob : number_knobs())
    app.add_option_function<std::string>(
           knob.flag, [&flags, &knob](const std::string& text) { flags[knob.flag] = text; },
           describe(knob))
        ->type_name("N");
  for (const auto& knob : text_knobs())
    app.add_option_function<std::string>(
           knob.flag, [&flags, &knob](const std::string& text) { flags[knob.flag] = text; },
           describe(knob))
        ->type_name("TEXT");
  try {
    app.parse(argc, const_cast<char**>(argv));
  } catch (const CLI::ParseError& error) {
    std::ostringstream out, problem;
    const bool asked = app.exit(error, out, problem) == 0;
    return {asked ? ConfigResult::Next::exit_ok : ConfigResult::Next::exit_usage,
            {},
            asked ? out.str() : problem.str()};
  }

  if (app.count("--new-key") > 0) return make_key(new_key);
  const auto environment_map = variables(environment);
  for (const auto& [name, value] : environment_map)
    if (name.starts_with("PYEXEC_") && !known_variable(name)) return refuse_variable(name);

  ConfigResult result = {probe ? ConfigResult::Next::probe : ConfigResult::Next::serve, {}, ""};
  for (const auto& knob : number_knobs()) {
    result.config.*knob.field = knob.fallback;
    const auto source = find_source(knob, flags, environment_map);
    if (!source) continue;
    const auto value = parse_number(source->text);
    if (!value || *value < knob.least || *value > knob.most) {
      std::ostringstream out;
      out << source->name << "='" << source->text << "' is not a number of " << knob.unit
          << " from " << knob.least << " to " << knob.most << "\n";
      return refuse(out.str());
    }
    result.config.*knob.field = *value;
  }
  for (const auto& knob : text_knobs()) {
    const auto source = find_source(knob, flags, environment_map);
    result.config.*knob.field = source ? source->text : knob.fallback;
    const auto& choices = knob.choices;
    if (source && !choices.empty() &&
        std::find(choices.begin(), choices.end(), source->text) == choices.end())
      return refuse(source->name + "='" + source->text + "' is none of " +
                    CLI::detail::join(choices, ", ") + "\n");
  }
  return result;
}

}  // namespace pyexec
