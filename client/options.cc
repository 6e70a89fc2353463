#include "client/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <optional>
#include <sstream>

namespace pyexec::client {
namespace {

constexpr std::uint64_t kLargestWindow = 1'000'000, kMostRetrySeconds = 10'000'000;
constexpr std::size_t kLargestKey = 4096;
constexpr const char* kDefaultUrl = "http://127.0.0.1:8080";
constexpr const char* kStandardStream = "-";

constexpr const char* kAbout =
    "Sends the jobs of FILE, one JSON object a line, to POST /execute/batch of a pyexec service, "
    "and writes a line of JSON for each as it ends. Goes on after broken connections and restarts "
    "of the service: no job is lost, none is reported twice.";
constexpr const char* kExits =
    "Ends with 0 if all jobs are ok, 1 if some are not, 2 if the command line, a file or the "
    "service's refusal\nis the reason, 3 if it gave up and jobs have no answer, 128 + N after "
    "signal N. The API key, if the\nservice wants one, is in $PYEXEC_KEY or in the file of "
    "--key-file: as a flag, everybody would see it.";

// As the command line has it.
struct Words {
  std::string url, key_file, input, output;
  std::uint64_t retry_seconds = 300, window = 1000;
  bool resume = false, progress = false, quiet = false;
};

void declare(CLI::App& app, Words& words) {
  app.add_option("FILE", words.input, "the jobs; standard input, if it is - or missing");
  app.add_option("--url", words.url,
                 std::string("http://HOST:PORT of the service, maybe with a path it is under "
                             "[PYEXEC_URL; default ") +
                     kDefaultUrl + "]")
      ->type_name("URL");
  app.add_option("-o,--output", words.output,
                 "where the answers go, instead of standard output; what was in it is replaced")
      ->type_name("FILE");
  app.add_flag("--resume", words.resume,
               "keep the answers that are in the output, and send only jobs whose id has none "
               "there; every job needs an id of its own");
  app.add_option("--key-file", words.key_file, "file that holds the API key [PYEXEC_KEY]")
      ->type_name("FILE");
  app.add_option("--window", words.window,
                 "most jobs that are sent and have no answer yet; of their lines at most 64 MiB "
                 "[default 1000]")
      ->type_name("N")
      ->check(CLI::Range(std::uint64_t{1}, kLargestWindow));
  app.add_option("--retry-seconds", words.retry_seconds,
                 "how long to try again, without an answer to any job, before giving up "
                 "[default 300]")
      ->type_name("N")
      ->check(CLI::Range(std::uint64_t{0}, kMostRetrySeconds));
  app.add_flag("--progress", words.progress,
               "show how far the jobs are, even if standard error is no terminal");
  app.add_flag("--quiet", words.quiet, "show neither progress nor a summary");
  app.set_version_flag("--version", "pyexec " PYEXEC_VERSION);
  app.footer(kExits);
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::variant<std::string, Problem> read_key(const std::string& file) {
  std::string key = variable("PYEXEC_KEY");
  const std::string source = file.empty() ? "PYEXEC_KEY" : file;
  if (!file.empty()) {
    std::ifstream in(file, std::ios::binary);
    std::ostringstream text;
    if (in) text << in.rdbuf();
    if (!in) return Problem{"cannot read the key file " + file + ": " + std::strerror(errno)};
    key = text.str();
    while (!key.empty() && (key.back() == '\n' || key.back() == '\r')) key.pop_back();
    if (key.empty()) return Problem{"the key file " + file + " is empty"};
  }
  // It stands in a header. What it is must not be shown.
  const bool is_plain =
      std::all_of(key.begin(), key.end(), [](char c) { return c > ' ' && c < 0x7f; });
  if (!is_plain || key.size() > kLargestKey)
    return Problem{source + " does not hold one API key, which has neither spaces nor newlines"};
  return key;
}

std::optional<std::string> contradiction(const Words& words) {
  if (words.resume && words.output.empty())
    return "--resume needs --output FILE, the file with the answers so far";
  if (words.quiet && words.progress) return "--quiet and --progress contradict each other";
  return std::nullopt;
}

Options::Show show(const Words& words) {
  if (words.quiet) return Options::Show::nothing;
  return words.progress ? Options::Show::always : Options::Show::on_terminals;
}

}  // namespace

std::variant<Options, End> read_options(int argc, const char* const* argv) {
  const auto refuse = [](std::string why) { return End{kExitRefused, std::move(why)}; };
  CLI::App app(kAbout, "pyexec-batch");
  Words words;
  declare(app, words);
  try {
    app.parse(argc, const_cast<char**>(argv));
  } catch (const CLI::ParseError& error) {
    std::ostringstream out, problem;
    if (app.exit(error, out, problem) == 0) return End{kExitOk, out.str()};
    return refuse(std::string(error.what()) + "; pyexec-batch --help lists the options");
  }
  if (words.input == kStandardStream) words.input.clear();
  if (words.output == kStandardStream) words.output.clear();
  if (const auto problem = contradiction(words)) return refuse(*problem);

  if (words.url.empty()) words.url = variable("PYEXEC_URL");
  if (words.url.empty()) words.url = kDefaultUrl;
  auto url = parse_url(words.url);
  if (const auto* problem = std::get_if<Problem>(&url)) return refuse(problem->message);
  auto key = read_key(words.key_file);
  if (const auto* problem = std::get_if<Problem>(&key)) return refuse(problem->message);
  return Options{std::get<Url>(std::move(url)),
                 std::get<std::string>(std::move(key)),
                 words.input,
                 words.output,
                 words.resume ? Options::Begin::resume : Options::Begin::anew,
                 std::chrono::seconds(words.retry_seconds),
                 words.window,
                 show(words)};
}

}  // namespace pyexec::client
