// Unguessable names that say which instance of the service gave them: INSTANCE-RANDOM.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "server/base/random.h"

namespace pyexec {

struct InstanceNames {
  const std::string instance;
  const std::size_t random_bytes;

  std::string next() const { return instance + "-" + random_hex(random_bytes); }

  // Returns the instance that gave this name if it is another one; nullopt also for what is no such
  // name.
  std::optional<std::string> other_instance(std::string_view name) const {
    const bool is_a_name = name.size() == instance.size() + 1 + 2 * random_bytes;
    if (!is_a_name || name.find('-') != instance.size() || name.starts_with(instance))
      return std::nullopt;
    return std::string(name.substr(0, instance.size()));
  }
};

}  // namespace pyexec
