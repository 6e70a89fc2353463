#include "server/openapi.h"
namespace pyexec {
std::string openapi_document(const JobCaps&) {
  return "{}";
}
}  // namespace pyexec
