#include "server/docs/documents.h"

#include <vector>

#include "asset_table.h"     // generated: the clients and the playground
#include "document_texts.h"  // generated: openapi.yaml and about.html as string literals
#include "server/base/fill.h"

namespace pyexec {
namespace {

using Blanks = std::vector<Blank>;

Blanks limits_of(const JobCaps& caps) {
  return {{"timeout_ms", std::to_string(caps.timeout_ms)},
          {"memory_mb", std::to_string(caps.memory_mb)},
          {"output_bytes", std::to_string(caps.output_bytes)}};
}

}  // namespace

std::string openapi_document(const JobCaps& caps) {
  Blanks blanks = limits_of(caps);
  blanks.push_back({"version", "\"" PYEXEC_VERSION "\""});  // a JSON string
  return fill(documents::kOpenapi, blanks);
}

std::string front_page(const JobCaps& caps) {
  Blanks blanks = limits_of(caps);
  blanks.push_back({"version", PYEXEC_VERSION});
  blanks.push_back({"address", "@address@"});
  return fill(documents::kPage, blanks);
}

std::span<const Asset> assets() {
  return documents::kAssets;
}

}  // namespace pyexec
