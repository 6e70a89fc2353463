#include "server/app/packages_dir.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string_view>

#include "server/job/input_rules.h"
#include "worker/protocol/control.h"

namespace pyexec {
namespace {

constexpr std::size_t kMostNames = 14;  // of a path

// A jail has things of its own there.
constexpr std::string_view kTaken[] = {"/tmp", "/dev", "/etc",   "/proc",      "/sys",
                                       "/bin", "/lib", "/lib64", "/usr/lib64", "/usr/share/etc"};

bool is_below(std::string_view path, std::string_view directory) {
  return path.starts_with(directory) &&
         (path.size() == directory.size() || path[directory.size()] == '/');
}

// Directories that a jail makes itself (sandbox/layers/root_table.cc), with some of the host's in
// them.
constexpr std::string_view kOwn[] = {"/",
                                     "/usr",
                                     "/usr/local",
                                     "/usr/local/bin",
                                     "/usr/share",
                                     "/usr/share/fonts",
                                     "/usr/share/fonts/truetype"};

std::optional<std::string> problem_with_place(const std::filesystem::path& path) {
  const std::string& text = path.native();
  for (const std::string_view taken : kTaken)
    if (is_below(text, taken))
      return "jails have a " + std::string(taken) +
             " of their own: put it elsewhere, as in /usr/local/packages";
  for (const std::string_view one : kOwn)
    if (text == one) return "it would take the place of a jail's own directories";
  if (text.size() >= sizeof(Configure::packages_dir))
    return "the path is longer than " + std::to_string(sizeof(Configure::packages_dir) - 1) +
           " bytes";
  if (std::distance(path.begin(), path.end()) > static_cast<std::ptrdiff_t>(kMostNames))
    return "the path has more than " + std::to_string(kMostNames) + " names";
  return std::nullopt;
}

// Jobs have users of their own, and the directory's modules run in all of them.
std::optional<std::string> problem_with_rights(const std::filesystem::path& path) {
  std::filesystem::path whole;
  for (const auto& name : path) {
    whole /= name;
    struct stat state = {};
    if (::stat(whole.c_str(), &state) == -1) return whole.native() + ": " + std::strerror(errno);
    if (!S_ISDIR(state.st_mode)) return whole.native() + " is not a directory";
    if ((state.st_mode & S_IXOTH) == 0)
      return "jobs cannot enter " + whole.native() + ": chmod o+x it";
    if (whole != path) continue;
    if ((state.st_mode & S_IROTH) == 0) return "jobs cannot read it: chmod -R o+rX it";
    if ((state.st_mode & S_IWOTH) != 0) return "everybody can write to it: chmod o-w it";
  }
  return std::nullopt;
}

bool is_module(std::string_view name) {
  const auto is_part = [](char c) {
    return c == '_' || c == '.' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
           (c >= 'A' && c <= 'Z');
  };
  return !name.empty() && std::all_of(name.begin(), name.end(), is_part);
}

std::optional<std::string> problem_with_modules(std::string_view list) {
  if (list.size() >= sizeof(Configure::preimport))
    return "the list is longer than " + std::to_string(sizeof(Configure::preimport) - 1) + " bytes";
  while (!list.empty()) {
    const std::string_view name = list.substr(0, list.find(','));
    list.remove_prefix(std::min(list.size(), name.size() + 1));
    if (!is_module(name))
      return in_quotes(name) + " is no name of a module; the list is like scipy,sklearn";
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> settle_packages(Config& config) {
  if (const auto problem = problem_with_modules(config.preimport))
    return "PYEXEC_PREIMPORT: " + *problem;
  if (config.packages_dir.empty()) return std::nullopt;
  const std::string given = "PYEXEC_PACKAGES_DIR=" + config.packages_dir + ": ";
  std::error_code error;
  const std::filesystem::path path = std::filesystem::canonical(config.packages_dir, error);
  if (error) return given + error.message();
  if (const auto problem = problem_with_place(path)) return given + *problem;
  if (const auto problem = problem_with_rights(path)) return given + *problem;
  config.packages_dir = path.native();
  return std::nullopt;
}

}  // namespace pyexec
