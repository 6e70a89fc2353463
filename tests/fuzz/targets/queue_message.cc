// What a queue delivers: the body of a push of Pub/Sub, or names of a task in headers.
#include "server/api/queue/queue_message.h"

#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pyexec;
  const auto wrapped = unwrap(MessageSource::pubsub, {}, fuzz::text_of(data, size));
  if (wrapped.has_error()) {
    FUZZ_CHECK(wrapped.error().status == 400);
    return 0;
  }
  FUZZ_CHECK(!wrapped->job.empty() && wrapped->job.size() < size);
  FUZZ_CHECK(!wrapped->message.id.empty() && !wrapped->message.queue.empty());
  return 0;
}
