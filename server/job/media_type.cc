#include "server/job/media_type.h"

#include <boost/algorithm/string/predicate.hpp>

namespace pyexec {
namespace {

struct Ending {
  std::string_view ending;
  std::string_view type;
};

// Formats that scripts write. Text has no charset: its encoding is the script's choice.
constexpr Ending kEndings[] = {
    {".bmp", "image/bmp"},
    {".css", "text/css"},
    {".csv", "text/csv"},
    {".gif", "image/gif"},
    {".gz", "application/gzip"},
    {".htm", "text/html"},
    {".html", "text/html"},
    {".jpeg", "image/jpeg"},
    {".jpg", "image/jpeg"},
    {".js", "text/javascript"},
    {".json", "application/json"},
    {".jsonl", "application/x-ndjson"},
    {".md", "text/markdown"},
    {".ndjson", "application/x-ndjson"},
    {".parquet", "application/vnd.apache.parquet"},
    {".pdf", "application/pdf"},
    {".png", "image/png"},
    {".py", "text/x-python"},
    {".svg", "image/svg+xml"},
    {".tar", "application/x-tar"},
    {".tif", "image/tiff"},
    {".tiff", "image/tiff"},
    {".tsv", "text/tab-separated-values"},
    {".txt", "text/plain"},
    {".wav", "audio/wav"},
    {".webp", "image/webp"},
    {".xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
    {".xml", "application/xml"},
    {".zip", "application/zip"},
};

}  // namespace

std::string_view media_type(std::string_view name) {
  for (const Ending& row : kEndings)
    if (boost::algorithm::iends_with(name, row.ending)) return row.type;
  return "application/octet-stream";
}

}  // namespace pyexec
