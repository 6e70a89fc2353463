// Runs in the zygote and, after the jail, in the worker.
#include "worker/job/interpreter.h"

#include <pybind11/embed.h>
#include <sys/random.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <span>
#include <string_view>

#include "python_sources.h"  // generated: python_env/*.py as string literals
#include "sandbox/base/sys.h"
#include "worker/job/builtins.h"
#include "worker/job/memory_layout.h"
#include "worker/job/tool_channel.h"

namespace py = pybind11;

namespace pyexec {
namespace {

// Determines the packages that a worker may import; none from a user's or the current directory.
// Debian's layout.
constexpr const wchar_t* kProgram = L"/usr/bin/python3";

[[noreturn]] void die(const char* what, const char* detail) {
  std::fprintf(stderr, "pyexec-worker: %s: %s\n", what, detail);
  std::_Exit(1);
}

void start_python() {
  PyObjectArenaAllocator arenas = {
      nullptr, [](void*, std::size_t size) { return make_arena(size); },
      [](void*, void* arena, std::size_t size) { end_arena(arena, size); }};
  PyObject_SetArenaAllocator(&arenas);
  // Uses the environment's locale, C.UTF-8: an isolated Python would stay in the C locale, and in
  // ASCII.
  PyPreConfig locale;
  PyPreConfig_InitIsolatedConfig(&locale);
  locale.configure_locale = 1;
  if (const PyStatus status = Py_PreInitialize(&locale); PyStatus_Exception(status))
    die("Python does not start", status.err_msg != nullptr ? status.err_msg : "unknown reason");
  PyConfig config;
  PyConfig_InitIsolatedConfig(&config);
  config.buffered_stdio = 0;           // output before a crash or a kill is not lost
  config.install_signal_handlers = 1;  // SIGINT, SIGPIPE as scripts expect them
  config.write_bytecode = 0;
  PyStatus status = PyConfig_SetString(&config, &config.program_name, kProgram);
  if (!PyStatus_Exception(status))
    status = PyConfig_SetString(&config, &config.stdio_encoding, L"utf-8");
  if (!PyStatus_Exception(status)) status = Py_InitializeFromConfig(&config);
  PyConfig_Clear(&config);
  if (PyStatus_Exception(status))
    die("Python does not start", status.err_msg != nullptr ? status.err_msg : "unknown reason");
}

void load_module(const python_sources::Source& source) {
  std::string words = source.name;
  std::replace(words.begin(), words.end(), '_', ' ');
  const std::string name = "_pyexec_" + std::string(source.name);
  const std::string filename = "<pyexec " + words + ">";
  py::module_ module = py::reinterpret_steal<py::module_>(PyModule_New(name.c_str()));
  module.attr("__file__") = filename;
  const py::object compile = py::module_::import("builtins").attr("compile");
  const py::object code = compile(source.text, filename, "exec");
  py::module_::import("builtins").attr("exec")(code, module.attr("__dict__"));
  py::module_::import("sys").attr("modules")[name.c_str()] = module;
}

py::object function(const char* module, const char* name) {
  return py::module_::import("sys").attr("modules")[module].attr(name);
}

Versions versions_of(const py::tuple& texts) {
  return {texts[0].cast<std::string>(), texts[1].cast<std::string>(), texts[2].cast<std::string>()};
}

bool fill_with_entropy(std::span<std::byte> bytes) {
  constexpr std::size_t kGivenWhole = 256;  // longer requests may be filled in part (gVisor)
  while (!bytes.empty()) {
    const std::size_t size = std::min(bytes.size(), kGivenWhole);
    const ssize_t got = sys::retry([&] { return ::getrandom(bytes.data(), size, 0); });
    if (got <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(got));
  }
  return true;
}

py::list pairs(const std::vector<NamedBytes>& entries) {
  py::list out;
  for (const NamedBytes& entry : entries)
    out.append(py::make_tuple(py::str(entry.name), py::bytes(entry.bytes)));
  return out;
}

// Returns the inputs for `run` in runner.py: None for the many jobs that have none.
py::object inputs_of(const Job& job) {
  if (job.args.empty() && job.stdin_text.empty() && job.files.empty() && job.environment.empty())
    return py::none();
  return py::make_tuple(py::str(job.args), py::bytes(job.stdin_text), pairs(job.files),
                        pairs(job.environment));
}

// Returns the options of `run`, or None if there are none.
py::object options_of(const Job& job) {
  const ReportOptions& options = job.options;
  if (job.tools.empty() && options.error_detail == 0 && options.return_files.empty() &&
      options.denied_imports.empty() && options.nan_is_null == 0 && options.is_cell == 0 &&
      options.session_cell == 0 && options.displays_count == 0 &&
      options.dataframe == DataFrameForm::records)
    return py::none();
  py::list patterns, denied;
  for (const std::string& pattern : options.return_files) patterns.append(py::str(pattern));
  for (std::string_view rest = options.denied_imports; !rest.empty();) {
    const std::string_view name = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), name.size() + 1));
    if (!name.empty()) denied.append(py::str(name.data(), name.size()));
  }
  return py::make_tuple(
      options.error_detail == 1, patterns, options.files_bytes, options.files_count,
      options.files_depth, denied, options.nan_is_null == 1 ? "null" : "error",
      options.is_cell == 1, options.session_cell, static_cast<int>(options.template_part),
      options.is_call, py::str(job.tools), options.only_new_files == 1, options.displays_count,
      options.displays_bytes, static_cast<int>(options.dataframe));
}

std::vector<NamedBytes> named_bytes(const py::list& entries) {
  std::vector<NamedBytes> out;
  for (const py::handle entry : entries) {
    const auto pair = py::reinterpret_borrow<py::tuple>(entry);
    out.push_back({pair[0].cast<std::string>(), pair[1].cast<std::string>()});
  }
  return out;
}

// Returns the name used in file_locks.py.
const char* name_of(Locking locking) {
  switch (locking) {
    case Locking::by_kernel:
      return "by_kernel";
    case Locking::within_process:
      return "within_process";
    case Locking::by_files:
      return "by_files";
  }
  return "";
}

// Looked up before any script can rebind them. Leaked on purpose: see ~Interpreter.
struct Functions {
  py::object run, after_fork, before_state_fork, after_state_fork;
};
const Functions* functions = nullptr;

}  // namespace

Interpreter::Interpreter(Locking locking, const OwnPackages& packages, MemoryForm memory) {
  lay_out_memory();
  start_python();
  try {
    for (const python_sources::Source& source : python_sources::kModules) {
      load_module(source);
      if (source.name == std::string_view("prelude")) close_gaps(PyObject_Malloc);
    }
    replace_builtins();
    connect_tools();
    functions = new Functions{
        function("_pyexec_runner", "run"), function("_pyexec_runner", "after_fork"),
        function("_pyexec_sessions", "before_fork"), function("_pyexec_sessions", "after_fork")};
    function("_pyexec_packages", "add")(packages.directory, packages.preimport);
    function("_pyexec_prelude", "warm")(
        py::module_::import("sys").attr("modules")["_pyexec_runner"], name_of(locking),
        reinterpret_cast<std::uintptr_t>(&lock_within_process));
    numpy_random_ = reinterpret_cast<NumpyRandom*>(
        function("_pyexec_prelude", "numpy_random_state")().cast<std::uintptr_t>());
    versions_ = versions_of(function("_pyexec_prelude", "versions")());
    function("_pyexec_prelude", "seal")();
  } catch (const std::exception& error) {
    die("the prelude failed", error.what());
  }
  close_gaps(PyObject_Malloc);
  image_ = seal_memory(memory);
}

// Equivalent to numpy.random.seed(), which makes as many words out of four from the same source.
bool Interpreter::seed_numpy() const {
  numpy_random_->position = std::size(numpy_random_->words);
  return fill_with_entropy(std::as_writable_bytes(std::span(numpy_random_->words)));
}

void Interpreter::start_life(const char* temporary_directory) const {
  if (!seed_numpy()) std::_Exit(1);
  try {
    functions->after_fork(temporary_directory);
  } catch (const std::exception&) {
    std::_Exit(1);
  }
}

Report Interpreter::run(const Job& job, const ReportCaps& caps) const {
  try {
    // The server has checked that the script is UTF-8.
    const py::str source(job.script);
    const auto result =
        functions->run(source, caps.result_bytes, caps.error_bytes, inputs_of(job), options_of(job))
            .cast<py::tuple>();
    const auto kind = static_cast<ReportKind>(result[0].cast<std::uint8_t>());
    return {kind,
            result[1].cast<std::string>(),
            {},
            named_bytes(result[2].cast<py::list>()),
            named_bytes(result[3].cast<py::list>()),
            named_bytes(result[4].cast<py::list>())};
  } catch (const py::error_already_set& error) {
    if (error.matches(PyExc_MemoryError))
      return {ReportKind::memory_limit, "memory limit exceeded"};
    return {ReportKind::exception, "the script broke its interpreter"};
  } catch (const std::bad_alloc&) {
    return {ReportKind::memory_limit, "memory limit exceeded"};
  } catch (const std::exception&) {  // from pybind11, which leaves the cause to Python
    const bool is_memory = PyErr_Occurred() && PyErr_ExceptionMatches(PyExc_MemoryError);
    PyErr_Clear();
    if (is_memory) return {ReportKind::memory_limit, "memory limit exceeded"};
    return {ReportKind::exception, "the script broke its interpreter"};
  }
}

namespace {

// A hook of the script's can have made anything of these functions.
void call_anyway(const py::object& called) {
  try {
    called();
  } catch (const py::error_already_set&) {
  }
}

}  // namespace

void Interpreter::before_fork(bool keeps_random) const {
  if (keeps_random) call_anyway(functions->before_state_fork);
  PyOS_BeforeFork();
}

void Interpreter::after_fork_in_parent() const {
  PyOS_AfterFork_Parent();
}

void Interpreter::after_fork_in_child(bool keeps_random) const {
  PyOS_AfterFork_Child();  // Python's random numbers begin anew
  if (keeps_random) return call_anyway(functions->after_state_fork);
  if (!seed_numpy()) std::_Exit(1);
}

bool Interpreter::warm_up(Preload preload) const {
  constexpr const char* kScripts[] = {
      "def main():\n"
      "    print(end='')\n"
      "    return {'a': [1, 2.5, 'x']}\n",
      "import pandas as pd\n"
      "def main():\n"
      "    s = pd.Series([1, 2, 3])\n"
      "    return [len(s), int(s.sum())]\n"};
  // The next run replaces whatever the scripts leave behind (runner.py, _make_module).
  for (std::size_t i = 0; i <= static_cast<std::size_t>(preload); ++i)
    if (run({kScripts[i]}, {1 << 16, 1 << 16}).kind != ReportKind::value) return false;
  return true;
}

}  // namespace pyexec
