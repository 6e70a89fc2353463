#include "server/docs/openapi_examples.h"

namespace pyexec {
namespace {

// clang-format off
constexpr Example kExamples[] = {
    {"sum", "a result, and what was printed", "/execute",
R"json({
  "script": "import pandas as pd\ndef main():\n    print(\"hello\")\n    return int(pd.Series([1, 2, 3]).sum())"})json", 200,
R"json({
  "result": 6,
  "stdout": "hello\n"})json"},
    {"input", "arguments, files and a limit", "/execute",
R"json({
  "script": "import pandas as pd\ndef main(column):\n    return float(pd.read_csv(\"sales.csv\")[column].sum())",
  "args": ["price"],
  "files": {"sales.csv": "price\n2.5\n4\n"},
  "timeout_ms": 2000})json", 200,
R"json({
  "result": 6.5,
  "stdout": ""})json"},
    {"verbose", "all that is known of a failure", "/execute",
R"json({
  "script": "def main():\n    return 1 / 0",
  "verbose": true})json", 422,
R"json({
  "error": "Traceback (most recent call last):\n  File \"/tmp/script.py\", line 2, in main\n    return 1 / 0\n           ~~^~~\nZeroDivisionError: division by zero",
  "stdout": "",
  "stderr": "",
  "error_detail": {"type": "ZeroDivisionError", "message": "division by zero", "line": 2, "column": 12, "traceback": "Traceback (most recent call last):\n  File \"/tmp/script.py\", line 2, in main\n    return 1 / 0\n           ~~^~~\nZeroDivisionError: division by zero", "source": "def main():\n    return 1 / 0", "source_start_line": 1},
  "usage": {"queue_ms": 0.005, "run_ms": 1.134, "total_ms": 7.437, "cpu_ms": 2.187, "peak_memory_bytes": 299008, "exit_code": null, "signal": null},
  "limits": {"timeout_ms": 30000, "memory_mb": 1024, "output_bytes": 1048576},
  "outcome": "exception"})json"},
    {"files", "a file of the job, returned", "/execute",
R"json({
  "script": "def main():\n    open(\"out.txt\", \"w\").write(\"hello\")",
  "return_files": ["*.txt"]})json", 200,
R"json({
  "result": null,
  "stdout": "",
  "files": {"out.txt": {"base64": "aGVsbG8=", "size": 5, "media_type": "text/plain"}}})json"},
    {"squares", "one script, many inputs", "/execute/batch",
R"json([
  {"defaults": true, "script": "def main(n):\n    return n * n"},
  {"id": "a", "args": [3]},
  {"id": "b", "args": ["x"]}])json", 200,
R"json([
  {"index": 0, "id": "a", "outcome": "ok", "status": 200, "result": 9, "stdout": ""},
  {"index": 1, "id": "b", "outcome": "exception", "status": 422, "error": "Traceback (most recent call last):\n  File \"/tmp/script.py\", line 2, in main\n    return n * n\n           ~~^~~\nTypeError: can't multiply sequence by non-int of type 'str'", "stdout": ""}])json"},
};
// clang-format on

}  // namespace

std::span<const Example> openapi_examples() {
  return kExamples;
}

}  // namespace pyexec
