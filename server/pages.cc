#include "server/pages.h"
namespace pyexec {
std::string front_page(const JobCaps&) {
  return "";
}
}  // namespace pyexec
