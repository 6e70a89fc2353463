// Which kind of queue a message came from. Beside metrics.h, which counts by it, so that a parser
// need not see those.
#pragma once

#include <cstdint>

namespace pyexec {

enum class MessageSource : std::uint8_t { pubsub, cloud_tasks, count };

}  // namespace pyexec
