#include "server/docs/pages.h"

#include <span>

#include "server/api/route_table.h"
#include "server/docs/told.h"

namespace pyexec {
namespace {

constexpr std::string_view kHead = R"(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>pyexec</title>
<style>
:root { --ink: #1b1f24; --soft: #57606a; --line: #d0d7de; --paper: #ffffff; --shade: #f3f5f8; --link: #0b57c4 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e3e7ec; --soft: #9aa5b1; --line: #39414b; --paper: #14181d; --shade: #1e242b; --link: #8ab8ff }
}
* { box-sizing: border-box }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 60rem; color: var(--ink); background: var(--paper);
  font: 1rem/1.55 system-ui, sans-serif; overflow-wrap: break-word }
h1 { font-size: 2rem; margin: 0 }
h2 { font-size: 1.25rem; margin: 2.5rem 0 .75rem }
p { max-width: 46rem }
.version { color: var(--soft); font-size: 1rem; font-weight: normal }
a { color: var(--link) }
code, pre { font-family: ui-monospace, monospace; font-size: .875em }
code { background: var(--shade); border-radius: .25rem; padding: .1em .3em }
pre { background: var(--shade); border: 1px solid var(--line); border-radius: .5rem; padding: .9rem 1rem; overflow-x: auto }
pre code { background: none; padding: 0; font-size: 1em }
table { width: 100%; border-collapse: collapse }
th, td { text-align: left; vertical-align: top; padding: .5rem .75rem .5rem 0; border-top: 1px solid var(--line) }
thead th { color: var(--soft); font-weight: normal; border-top: 0 }
tbody th { font-weight: normal; white-space: nowrap }
@media (max-width: 40rem) {
  thead { position: absolute; clip-path: inset(50%) }
  tr, th, td { display: block; border: 0; padding: 0 }
  tr { border-top: 1px solid var(--line); padding: .6rem 0 }
  td { margin-top: .15rem }
  .minor { color: var(--soft) }
}
</style>
</head>
<body>
<main>
)";

constexpr std::string_view kFirst = R"sh(
curl -s http://localhost:8080/execute -H 'Content-Type: application/json' -d '{
  "script": "import numpy as np\ndef main(n):\n    print(\"hello\")\n    return np.arange(n).mean()",
  "args": [10]}')sh";
constexpr std::string_view kFirstAnswer = R"sh({"result": 4.5, "stdout": "hello\n"})sh";
constexpr std::string_view kLive = R"sh(
curl -sN http://localhost:8080/execute -H 'Content-Type: application/json' \
  -H 'Accept: text/event-stream' \
  -d '{"script": "def main():\n    print(\"hello\")\n    return 1"}')sh";
constexpr std::string_view kBatch = R"sh(
curl -sN http://localhost:8080/execute/batch -H 'Content-Type: application/x-ndjson' \
  --data-binary @- <<'END'
{"defaults": true, "script": "def main(n):\n    return n * n"}
{"args": [3]}
{"args": [4]}
END)sh";

// Any text as HTML; what stands in backticks, as code.
std::string html(std::string_view text) {
  std::string out;
  bool in_code = false;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      case '`':
        out += in_code ? "</code>" : "<code>";
        in_code = !in_code;
        break;
      default:
        out += c;
    }
  }
  return in_code ? out + "</code>" : out;
}

class Page {
 public:
  void raw(std::initializer_list<std::string_view> pieces) {
    for (const std::string_view piece : pieces) text_ += piece;
  }
  void heading(std::string_view text) { raw({"<h2>", html(text), "</h2>\n"}); }
  void paragraph(std::string_view text) { raw({"<p>", html(text), "</p>\n"}); }
  void block(std::string_view text) {
    if (text.starts_with('\n')) text.remove_prefix(1);
    raw({"<pre tabindex=\"0\"><code>", html(text), "</code></pre>\n"});
  }
  void begin_table(std::span<const std::string_view> columns) {
    raw({"<table>\n<thead><tr>"});
    for (const std::string_view column : columns)
      raw({"<th scope=\"col\">", html(column), "</th>"});
    raw({"</tr></thead>\n<tbody>\n"});
  }
  // The first is what the others are about; the second matters less.
  void row(std::string_view name, std::string_view minor, std::string_view text) {
    raw({"<tr><th scope=\"row\"><code>", html(name), "</code></th><td class=\"minor\">"});
    raw({html(minor), "</td><td>", html(text), "</td></tr>\n"});
  }
  void end_table() { raw({"</tbody>\n</table>\n"}); }
  std::string end() {
    raw({"</main>\n</body>\n</html>\n"});
    return std::move(text_);
  }

 private:
  std::string text_ = std::string(kHead);
};

struct FieldsOf {
  FieldOf of;
  std::string_view where;
};
constexpr FieldsOf kFieldTables[] = {{FieldOf::job, ""},
                                     {FieldOf::batch_line, "of a line of a batch: "},
                                     {FieldOf::batch_header, "of a batch's first line: "}};

void add_fields(Page& page, const JobCaps& caps) {
  static constexpr std::string_view kColumns[] = {"field", "value", "what it does"};
  page.begin_table(kColumns);
  for (const JobField& field : job_fields()) {
    std::string text(kFieldTables[static_cast<std::size_t>(field.of)].where);
    text += field.meaning;
    if (field.most != nullptr) text += " (here " + std::to_string(caps.*field.most) + ")";
    page.row(field.name, field.shown, text);
  }
  page.end_table();
}

void add_outcomes(Page& page) {
  static constexpr std::string_view kColumns[] = {"outcome", "status", "when"};
  page.begin_table(kColumns);
  for (std::size_t i = 0; i < kOutcomes; ++i) {
    const auto kind = static_cast<OutcomeKind>(i);
    std::string statuses;
    for (const unsigned status : told_outcome(kind).statuses)
      statuses += (statuses.empty() ? "" : ", ") + std::to_string(status);
    page.row(outcome_name(kind), statuses, outcome_meaning(kind));
  }
  page.end_table();
}

void add_events(Page& page) {
  static constexpr std::string_view kColumns[] = {"event", "when", "members"};
  page.begin_table(kColumns);
  for (const ToldEvent& event : told_events()) {
    std::string names;
    for (const ToldGroup group : event.groups)
      for (const ToldMember& member : group)
        names.append(names.empty() ? "`" : ", `").append(member.name).append("`");
    page.row(event.name, event.when, names);
  }
  page.end_table();
}

struct Library {
  std::string_view name, from, text;
};
// Those of [run] in python_env/packages/packages.txt, and what they bring that scripts use.
constexpr Library kLibraries[] = {
    {"numpy", "python3-numpy", "imported beforehand"},
    {"pandas", "python3-pandas",
     "imported beforehand; `read_excel` wants `openpyxl`, which is not among these"},
    {"matplotlib", "python3-matplotlib",
     "draws into files; has one font for Chinese, Japanese and Korean"},
    {"PIL", "python3-pil", "pictures"},
    {"dateutil", "python3-dateutil", "dates in words"},
    {"requests", "python3-requests", "can be imported; there is no network"},
};

void add_libraries(Page& page) {
  static constexpr std::string_view kColumns[] = {"module", "Debian's package", "what of it"};
  page.begin_table(kColumns);
  for (const Library& library : kLibraries) page.row(library.name, library.from, library.text);
  page.end_table();
}

void add_paths(Page& page) {
  page.raw({"<ul>\n"});
  for (const Route& route : kRoutes) {
    if (route.method != boost::beast::http::verb::get || route.path == "/") continue;
    page.raw({"<li><a href=\"", html(route.path), "\">"});
    page.raw({html(route.path), "</a>: ", html(route.summary)});
    page.raw({"</li>\n"});
  }
  page.raw({"</ul>\n"});
}

}  // namespace

std::string front_page(const JobCaps& caps) {
  Page page;
  page.raw({"<h1>pyexec <span class=\"version\">" PYEXEC_VERSION "</span></h1>\n"});
  page.paragraph(
      "Runs Python that nobody has to trust. Post a script, get back what its `main()` returned "
      "and "
      "what it printed; numpy, pandas and matplotlib are there. Every job runs in a process of its "
      "own, in a jail of its own that was made before the request came, and is gone after it.");
  page.block(kFirst);
  page.block(kFirstAnswer);
  page.paragraph("Where the service has API keys, add `-H 'Authorization: Bearer KEY'`.");
  page.heading("What a request may say");
  add_fields(page, caps);
  page.heading("What a script can import");
  page.paragraph(
      "Python's standard library, modules among its own `files`, and what the operator has "
      "installed of Debian's packages: these, if nothing was added. Nothing can be installed by a "
      "script.");
  add_libraries(page);
  page.heading("What becomes of it");
  page.paragraph(
      "Every answer names its outcome in the header `Pyexec-Outcome`. If it is `ok` the body has "
      "`result`, otherwise `error`; if there was a job, it has `stdout`.");
  add_outcomes(page);
  page.heading("While it runs");
  page.paragraph(
      "With `Accept: text/event-stream`, or `application/x-ndjson` for lines of JSON, the answer "
      "is told as it comes.");
  page.block(kLive);
  add_events(page);
  page.heading("Many at once");
  page.paragraph(
      "A line is a job, and is answered as soon as it ends, with its `index` and its `id`. An "
      "array "
      "as `application/json` is answered by an array.");
  page.block(kBatch);
  page.heading("The service itself");
  add_paths(page);
  return page.end();
}

}  // namespace pyexec
