// The kind of queue that a message came from. Separate from metrics.h, which counts by it, so that
// a parser need not include the metrics.
#pragma once

#include <cstdint>

namespace pyexec {

enum class MessageSource : std::uint8_t { pubsub, cloud_tasks, count };

}  // namespace pyexec
