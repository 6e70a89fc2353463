#include "server/config/config.h"

#include <algorithm>
#include <limits>
#include <map>
#include <sstream>

#include "tests/support/catch.h"

namespace pyexec {
namespace {

using Next = ConfigResult::Next;
using Texts = std::vector<std::string>;

ConfigResult read(const Texts& flags, const Texts& environment = {}) {
  std::vector<const char*> arguments = {"pyexec-server"}, variables;
  for (const std::string& flag : flags) arguments.push_back(flag.c_str());
  for (const std::string& variable : environment) variables.push_back(variable.c_str());
  const int count = static_cast<int>(arguments.size());
  arguments.push_back(nullptr);
  variables.push_back(nullptr);
  return read_config(count, arguments.data(), variables.data());
}

const std::map<std::string, std::uint64_t Config::*> kFields = {
    {"PYEXEC_PORT", &Config::port},
    {"PYEXEC_POOL", &Config::pool_workers},
    {"PYEXEC_RUNNING", &Config::running_jobs},
    {"PYEXEC_MAX_QUEUED", &Config::queued_jobs},
    {"PYEXEC_TIMEOUT_MS", &Config::timeout_ms},
    {"PYEXEC_MEMORY_MB", &Config::memory_mb},
    {"PYEXEC_SCRIPT_BYTES", &Config::script_bytes},
    {"PYEXEC_INPUT_BYTES", &Config::input_bytes},
    {"PYEXEC_BODY_MB", &Config::body_mb},
    {"PYEXEC_OUTPUT_BYTES", &Config::output_bytes},
    {"PYEXEC_RESULT_BYTES", &Config::result_bytes},
    {"PYEXEC_RESULT_DEPTH", &Config::result_depth},
    {"PYEXEC_RETURN_FILES", &Config::return_files},
    {"PYEXEC_RETURN_BYTES", &Config::return_bytes},
    {"PYEXEC_RETURN_DEPTH", &Config::return_depth},
    {"PYEXEC_DISPLAYS", &Config::displays},
    {"PYEXEC_DISPLAY_BYTES", &Config::display_bytes},
    {"PYEXEC_TMP_MB", &Config::tmp_mb},
    {"PYEXEC_TMP_INODES", &Config::tmp_inodes},
    {"PYEXEC_FILE_MB", &Config::file_mb},
    {"PYEXEC_OPEN_FILES", &Config::open_files},
    {"PYEXEC_PROCESSES", &Config::processes},
    {"PYEXEC_ZYGOTE_JOBS", &Config::zygote_jobs},
    {"PYEXEC_ZYGOTE_MINUTES", &Config::zygote_minutes},
    {"PYEXEC_ZYGOTE_START_MS", &Config::zygote_start_ms},
    {"PYEXEC_CONNECTIONS", &Config::connections},
    {"PYEXEC_RATE_PER_MINUTE", &Config::rate_per_minute},
    {"PYEXEC_RATE_BURST", &Config::rate_burst},
    {"PYEXEC_READ_TIMEOUT_MS", &Config::read_timeout_ms},
    {"PYEXEC_IDLE_TIMEOUT_MS", &Config::idle_timeout_ms},
    {"PYEXEC_PING_MS", &Config::ping_ms},
    {"PYEXEC_QUEUE_WINDOW_S", &Config::queue_window_s},
    {"PYEXEC_SESSIONS", &Config::sessions},
    {"PYEXEC_SESSIONS_PER_KEY", &Config::sessions_per_key},
    {"PYEXEC_SESSION_IDLE_S", &Config::session_idle_s},
    {"PYEXEC_SESSION_LIFE_S", &Config::session_life_s},
    {"PYEXEC_SESSION_STATES", &Config::session_states},
    {"PYEXEC_SESSION_MEMORY_MB", &Config::session_memory_mb},
    {"PYEXEC_JOBS", &Config::jobs},
    {"PYEXEC_JOBS_PER_KEY", &Config::jobs_per_key},
    {"PYEXEC_JOB_KEEP_S", &Config::job_keep_s},
    {"PYEXEC_JOB_MEMORY_MB", &Config::job_memory_mb},
    {"PYEXEC_PARKED", &Config::parked},
    {"PYEXEC_PARKED_PER_KEY", &Config::parked_per_key},
    {"PYEXEC_CALL_WAIT_S", &Config::call_wait_s},
    {"PYEXEC_CALLS_WAIT_S", &Config::calls_wait_s},
    {"PYEXEC_CALL_BYTES", &Config::call_bytes},
    {"PYEXEC_CALLS", &Config::calls},
    {"PYEXEC_TEMPLATES", &Config::templates},
    {"PYEXEC_TEMPLATES_PER_KEY", &Config::templates_per_key},
    {"PYEXEC_TEMPLATE_IDLE_S", &Config::template_idle_s},
    {"PYEXEC_TEMPLATE_JAILS", &Config::template_jails},
    {"PYEXEC_TEMPLATE_MEMORY_MB", &Config::template_memory_mb},
    {"PYEXEC_DRAIN_MS", &Config::drain_ms},
    {"PYEXEC_LAME_DUCK_MS", &Config::lame_duck_ms},
    {"PYEXEC_MIN_LEVEL", &Config::min_level},
    {"PYEXEC_MAX_LEVEL", &Config::max_level},
    {"PYEXEC_PLAYGROUND", &Config::playground},
    {"PYEXEC_SHARE_PORT", &Config::share_port},
    {"PYEXEC_ALLOW_WEAK", &Config::allow_weak},
};

const std::map<std::string, std::string Config::*> kTexts = {
    {"PYEXEC_ADDRESS", &Config::address},
    {"PYEXEC_WORKER", &Config::worker_path},
    {"PYEXEC_ENV_NAMES", &Config::env_names},
    {"PYEXEC_KEYS_FILE", &Config::keys_file},
    {"PYEXEC_CORS_ORIGINS", &Config::cors_origins},
    {"PYEXEC_TOOLS_DIR", &Config::tools_dir},
    {"PYEXEC_PACKAGES_DIR", &Config::packages_dir},
    {"PYEXEC_PREIMPORT", &Config::preimport},
    {"PYEXEC_DENY_IMPORTS", &Config::deny_imports},
    {"PYEXEC_TRACE_PROJECT", &Config::trace_project},
};

// Of some words one.
struct Choice {
  std::string variable;
  std::string Config::*field;
  Texts words;  // the first is the default
};
const std::vector<Choice> kChoices = {
    {"PYEXEC_LOG", &Config::log, {"auto", "json", "text", "quiet"}},
    {"PYEXEC_PUSH_RESULTS", &Config::push_results, {"none", "log"}},
    {"PYEXEC_MEMORY_IMAGE", &Config::memory_image, {"auto", "off"}},
    {"PYEXEC_KEEP_JAILS", &Config::keep_jails, {"auto", "off"}},
};

std::string flag_of(const std::string& variable) {
  std::string flag = std::string("--") + variable.substr(std::string("PYEXEC_").size());
  for (char& c : flag) c = c == '_' ? '-' : c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return flag;
}

struct Knob {
  std::string variable, flag;
  std::uint64_t Config::*field;
  std::uint64_t fallback, least, most;
};

// What --help promises of a number: "PYEXEC_PORT; default 8080 workers; 0 to 65535]".
Knob promised(const std::string& variable, std::uint64_t Config::*field) {
  std::istringstream words(read({"--help"}).message);
  std::string word, text;
  while (words >> word) text += word + " ";  // however the lines are broken
  const auto at = text.find("[" + variable + ";");
  REQUIRE(at != std::string::npos);
  Knob knob = {variable, flag_of(variable), field, 0, 0, 0};
  std::istringstream fields(text.substr(at));
  fields >> word >> word >> knob.fallback >> word >> knob.least >> word >> knob.most;
  REQUIRE(fields);
  return knob;
}

std::vector<Knob> knobs() {
  std::vector<Knob> out;
  for (const auto& [variable, field] : kFields) out.push_back(promised(variable, field));
  return out;
}

// Refused, and the message holds every one of `parts`.
void check_refused(const ConfigResult& result, const Texts& parts) {
  CHECK(result.next == Next::exit_usage);
  for (const std::string& part : parts) CHECK_THAT(result.message, test::contains(part));
}

TEST_CASE("nothing given means the defaults that --help promises", "[config]") {
  const ConfigResult result = read({});
  REQUIRE(result.next == Next::serve);
  for (const Knob& knob : knobs()) {
    CAPTURE(knob.variable);
    CHECK(result.config.*knob.field == knob.fallback);
  }
  CHECK(result.config.address == "127.0.0.1");
  CHECK(result.config.worker_path.empty());
  CHECK(result.config.env_names == "TZ,LANG,LC_*,JOB_*");
  CHECK(result.config.keys_file.empty());
  CHECK(result.config.cors_origins.empty());
  CHECK(result.config.deny_imports.empty());
}

TEST_CASE("the defaults that clients rely on are the published ones", "[config]") {
  const Config config = read({}).config;
  CHECK(config.port == 8080);
  CHECK(config.timeout_ms == 30'000);
  CHECK(config.script_bytes == 200 * 1024);
  CHECK(config.output_bytes == 1 << 20);
  CHECK(config.result_bytes == 8 << 20);
  CHECK(config.result_depth == 500);
  CHECK(config.return_files == 100);
  CHECK(config.return_bytes == 8 << 20);
  CHECK(config.return_depth == 16);
  CHECK(config.rate_per_minute == 0);
  CHECK(config.rate_burst == 60);
  CHECK(config.ping_ms == 5'000);
}

TEST_CASE("a variable beats the default", "[config]") {
  for (const Knob& knob : knobs()) {
    const auto value = knob.fallback == knob.least ? knob.most : knob.least;
    const ConfigResult result = read({}, {knob.variable + "=" + std::to_string(value)});
    CAPTURE(knob.variable, result.message);
    CHECK(result.next == Next::serve);
    CHECK(result.config.*knob.field == value);
  }
}

TEST_CASE("a flag beats a variable", "[config]") {
  for (const Knob& knob : knobs()) {
    const ConfigResult result = read({knob.flag, std::to_string(knob.most)},
                                     {knob.variable + "=" + std::to_string(knob.least)});
    CAPTURE(knob.flag, result.message);
    CHECK(result.next == Next::serve);
    CHECK(result.config.*knob.field == knob.most);
  }
}

TEST_CASE("a flag may be joined to its value", "[config]") {
  CHECK(read({"--port=81"}).config.port == 81);
}

TEST_CASE("a knob changes no other knob", "[config]") {
  for (const Knob& changed : knobs()) {
    const Config config = read({changed.flag, std::to_string(changed.most)}).config;
    for (const Knob& other : knobs()) {
      CAPTURE(changed.variable, other.variable);
      if (other.variable != changed.variable) CHECK(config.*other.field == other.fallback);
    }
  }
}

TEST_CASE("a text comes from its own flag or variable and is taken as it is", "[config]") {
  for (const auto& [variable, field] : kTexts) {
    CAPTURE(variable);
    CHECK(read({}, {variable + "= a,b=c "}).config.*field == " a,b=c ");
    const Config config = read({flag_of(variable), "x"}, {variable + "=y"}).config;
    CHECK(config.*field == "x");
    for (const auto& [other_variable, other] : kTexts)
      if (other != field) CHECK(config.*other == read({}).config.*other);
  }
}

TEST_CASE("both ends of a range are in it and their neighbours are not", "[config]") {
  for (const Knob& knob : knobs()) {
    CAPTURE(knob.variable, knob.least, knob.most);
    CHECK(read({knob.flag, std::to_string(knob.least)}).config.*knob.field == knob.least);
    CHECK(read({knob.flag, std::to_string(knob.most)}).config.*knob.field == knob.most);
    const auto above = std::to_string(knob.most + 1);
    check_refused(read({knob.flag, above}), {knob.flag, above});
    check_refused(read({}, {knob.variable + "=" + above}), {knob.variable, above});
    if (knob.least == 0) continue;
    const auto below = std::to_string(knob.least - 1);
    check_refused(read({knob.flag, below}), {knob.flag, below});
    check_refused(read({}, {knob.variable + "=" + below}), {knob.variable, below});
  }
}

TEST_CASE("a value that is not a number is refused by name", "[config]") {
  const std::string beyond_64_bits = "18446744073709551616", wraps_to_80 = "18446744073709551696";
  for (const Knob& knob : knobs())
    for (const std::string& value :
         {std::string(), std::string(" "), std::string("x"), std::string("-1"), std::string("+50"),
          std::string("50x"), std::string(" 50"), std::string("50 "), std::string("5e1"),
          std::string("50.0"), std::string("0x32"), std::string("1,000"), beyond_64_bits,
          wraps_to_80, std::string(400, '9')}) {
      CAPTURE(knob.variable, value);
      check_refused(read({}, {knob.variable + "=" + value}), {knob.variable});
      check_refused(read({knob.flag + "=" + value}), {knob.flag});
    }
}

TEST_CASE("a wrong variable is refused only where its flag is not given", "[config]") {
  CHECK(read({"--max-queued", "7"}, {"PYEXEC_MAX_QUEUED=x"}).config.queued_jobs == 7);
}

TEST_CASE("PORT is used where PYEXEC_PORT is not set", "[config]") {
  CHECK(read({}, {"PORT=81"}).config.port == 81);
  CHECK(read({}, {"PORT=81", "PYEXEC_PORT=82"}).config.port == 82);
  CHECK(read({}, {"PYEXEC_PORT=82", "PORT=81"}).config.port == 82);
  CHECK(read({"--port", "83"}, {"PORT=81", "PYEXEC_PORT=82"}).config.port == 83);
}

TEST_CASE("a wrong PORT is refused by its own name", "[config]") {
  const ConfigResult result = read({}, {"PORT=none"});
  check_refused(result, {"PORT='none'"});
  CHECK_THAT(result.message, !test::contains("PYEXEC_PORT"));
  CHECK(read({}, {"PORT=none", "PYEXEC_PORT=82"}).config.port == 82);
}

TEST_CASE("PORT sets the port and nothing else", "[config]") {
  Config with = read({}, {"PORT=81"}).config;
  const Config without = read({}).config;
  for (const auto& [variable, field] : kFields) {
    CAPTURE(variable);
    if (field != &Config::port) CHECK(with.*field == without.*field);
  }
}

TEST_CASE("an unknown PYEXEC_ variable is refused by name", "[config]") {
  for (const char* name : {"PYEXEC_PROT", "PYEXEC_", "PYEXEC_port", "PYEXEC_PORT_", "PYEXEC_PORTS"})
    check_refused(read({}, {std::string(name) + "=1"}), {name});
  check_refused(read({}, {"PYEXEC_TYPO="}), {"PYEXEC_TYPO"});
}

TEST_CASE("other people's variables are none of ours", "[config]") {
  const ConfigResult result =
      read({}, {"HOME=/", "XPYEXEC_PORT=1", "pyexec_port=1", "PATH", "A=b=c"});
  CHECK(result.next == Next::serve);
  CHECK(result.config.port == promised("PYEXEC_PORT", &Config::port).fallback);
}

TEST_CASE("a variable without a name is none of ours", "[config]") {
  const ConfigResult result = read({}, {"=x"});
  CHECK(result.next == Next::serve);
  CHECK(result.config.address == read({}).config.address);
}

TEST_CASE("a variable by its former name is refused with its present one", "[config]") {
  check_refused(read({}, {"PYEXEC_QUEUE=5"}), {"PYEXEC_QUEUE;", "PYEXEC_MAX_QUEUED"});
  check_refused(read({}, {"PYEXEC_STDOUT_BYTES=5"}), {"PYEXEC_OUTPUT_BYTES"});
}

TEST_CASE("an unknown flag is refused by name", "[config]") {
  check_refused(read({"--prot", "81"}), {"--prot"});
  check_refused(read({"--prot=81"}), {"--prot"});
  check_refused(read({"-z"}), {"-z"});
  check_refused(read({"stray"}), {"stray"});
}

TEST_CASE("a flag without a value, or given twice, is refused by name", "[config]") {
  check_refused(read({"--port"}), {"--port"});
  check_refused(read({"--port", "81", "--port", "82"}), {"--port"});
}

TEST_CASE("of words to choose from one is taken, and no other", "[config]") {
  for (const Choice& choice : kChoices) {
    INFO(choice.variable);
    CHECK(read({}).config.*choice.field == choice.words.front());
    for (const std::string& word : choice.words) {
      CHECK(read({}, {choice.variable + "=" + word}).config.*choice.field == word);
      CHECK(read({flag_of(choice.variable), word}).config.*choice.field == word);
    }
    for (const char* wrong : {"", "x", "AUTO", "json "})
      check_refused(read({}, {choice.variable + "=" + wrong}), {choice.variable, "is none of"});
  }
}

TEST_CASE("the project of a trace is the platform's, unless it is set", "[config]") {
  CHECK(read({}, {"GOOGLE_CLOUD_PROJECT=theirs"}).config.trace_project == "theirs");
  const auto both = read({}, {"GOOGLE_CLOUD_PROJECT=theirs", "PYEXEC_TRACE_PROJECT=ours"});
  CHECK(both.config.trace_project == "ours");
}

TEST_CASE("--help is a success and names every variable and flag", "[config]") {
  const ConfigResult result = read({"--help"});
  CHECK(result.next == Next::exit_ok);
  Texts variables;
  for (const auto& [variable, field] : kTexts) variables.push_back(variable);
  for (const auto& [variable, field] : kFields) variables.push_back(variable);
  for (const Choice& choice : kChoices) variables.push_back(choice.variable);
  for (const std::string& variable : variables) {
    CHECK_THAT(result.message, test::contains("[" + variable + ";"));
    CHECK_THAT(result.message, test::contains(flag_of(variable) + " "));
  }
}

TEST_CASE("--help names no variable that these tests do not know", "[config]") {
  const std::string text = read({"--help"}).message;
  std::size_t found = 0;
  for (auto at = text.find("[PYEXEC_"); at != std::string::npos; at = text.find("[PYEXEC_", at + 1))
    ++found;
  CHECK(found == kFields.size() + kTexts.size() + kChoices.size());
}

TEST_CASE("--help and --version are answered whatever the variables say", "[config]") {
  CHECK(read({"--help"}, {"PYEXEC_PORT=x"}).next == Next::exit_ok);
  CHECK(read({"--version"}, {"PYEXEC_TYPO=1"}).next == Next::exit_ok);
}

TEST_CASE("--version is a success and says which", "[config]") {
  const ConfigResult result = read({"--version"});
  CHECK(result.next == Next::exit_ok);
  CHECK_THAT(result.message, test::contains(PYEXEC_VERSION));
}

TEST_CASE("what is wrong is said in one line that ends", "[config]") {
  for (const ConfigResult& result :
       {read({"--port", "x"}), read({}, {"PYEXEC_TYPO=1"}), read({}, {"PORT="})}) {
    CHECK(result.message.ends_with("\n"));
    CHECK(std::count(result.message.begin(), result.message.end(), '\n') == 1);
  }
}

}  // namespace
}  // namespace pyexec
