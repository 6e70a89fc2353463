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

  // Returns what to say of a name that another instance gave; nullopt also for what is no such
  // name. what: it names.
  std::optional<std::string> given_elsewhere(std::string_view name, const std::string& what) const {
    const bool is_a_name = name.size() == instance.size() + 1 + 2 * random_bytes;
    if (!is_a_name || name.find('-') != instance.size() || name.starts_with(instance))
      return std::nullopt;
    return "this " + what + " is of another instance (" +
           std::string(name.substr(0, instance.size())) + "), and this is " + instance +
           "; if that one has ended, so has the " + what;
  }
};

}  // namespace pyexec
