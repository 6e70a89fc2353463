// A file that the service serves as it is: the clients, the playground.
#pragma once

#include <string_view>

namespace pyexec {

struct Asset {
  std::string_view path;  // without its first slash
  std::string_view media_type;
  std::string_view entity_tag;  // with its quotes; another one for other contents
  std::string_view content;
};

}  // namespace pyexec
