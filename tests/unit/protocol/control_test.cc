#include "worker/protocol/control.h"

#include <cerrno>

#include "tests/support/catch.h"

namespace pyexec {
namespace {

template <typename Message>
Message filled_with(unsigned char byte) {
  Message message;
  std::memset(static_cast<void*>(&message), byte, sizeof message);
  return message;
}

template <typename Message>
bool comes_back(const Message& message) {
  const auto decoded = decode_control<Message>(encode_control(message));
  return decoded && std::memcmp(&*decoded, &message, sizeof message) == 0;
}

// How many of all message types take these bytes.
int takers(std::span<const std::byte> bytes) {
  return decode_control<Configure>(bytes).has_value() + decode_control<Hello>(bytes).has_value() +
         decode_control<Spawn>(bytes).has_value() +
         decode_control<WorkerSpawned>(bytes).has_value() +
         decode_control<SpawnFailed>(bytes).has_value() +
         decode_control<WorkerExited>(bytes).has_value();
}

template <typename Message>
void check_sizes() {
  std::vector<std::byte> bytes = encode_control(filled_with<Message>(0x5a));
  const std::span<const std::byte> whole = bytes;
  for (std::size_t size = 0; size < whole.size(); ++size)
    CHECK_FALSE(decode_control<Message>(whole.first(size)));
  CHECK(decode_control<Message>(whole));
  bytes.push_back(std::byte{0});
  CHECK_FALSE(decode_control<Message>(bytes));
}

TEST_CASE("every control message comes back byte for byte", "[control]") {
  for (const int byte : {0x00, 0x5a, 0xff}) {
    const auto fill = static_cast<unsigned char>(byte);
    CHECK(comes_back(filled_with<Configure>(fill)));
    CHECK(comes_back(filled_with<Hello>(fill)));
    CHECK(comes_back(filled_with<Spawn>(fill)));
    CHECK(comes_back(filled_with<WorkerSpawned>(fill)));
    CHECK(comes_back(filled_with<SpawnFailed>(fill)));
    CHECK(comes_back(filled_with<WorkerExited>(fill)));
  }
}

TEST_CASE("a control message keeps the values of its fields", "[control]") {
  const SpawnFailed sent = {kNoWorker, sandbox::fail(sandbox::Step::id_maps, EPERM, 3)};
  const auto got = decode_control<SpawnFailed>(encode_control(sent));
  REQUIRE(got);
  CHECK(got->worker_id == kNoWorker);
  CHECK(got->error.step == sandbox::Step::id_maps);
  CHECK(got->error.error == EPERM);
  CHECK(got->error.index == 3);
}

TEST_CASE("the type of a control message stands first", "[control]") {
  CHECK(control_type(encode_control(Configure{})) == ControlType::configure);
  CHECK(control_type(encode_control(Hello{})) == ControlType::hello);
  CHECK(control_type(encode_control(Spawn{})) == ControlType::spawn);
  CHECK(control_type(encode_control(WorkerSpawned{})) == ControlType::worker);
  CHECK(control_type(encode_control(SpawnFailed{})) == ControlType::spawn_failed);
  CHECK(control_type(encode_control(WorkerExited{})) == ControlType::exited);
}

TEST_CASE("bytes too few for a type have none", "[control]") {
  const std::vector<std::byte> bytes(sizeof(ControlType), std::byte{1});
  for (std::size_t size = 0; size < bytes.size(); ++size)
    CHECK_FALSE(control_type(std::span(bytes).first(size)));
  CHECK(control_type(bytes));
}

TEST_CASE("a control message is decoded as its own type only", "[control]") {
  CHECK(takers(encode_control(Configure{})) == 1);
  CHECK(takers(encode_control(Hello{})) == 1);
  CHECK(takers(encode_control(Spawn{})) == 1);
  CHECK(takers(encode_control(WorkerSpawned{})) == 1);
  CHECK(takers(encode_control(SpawnFailed{})) == 1);
  CHECK(takers(encode_control(WorkerExited{})) == 1);
}

TEST_CASE("messages of one size are told apart by their type", "[control]") {
  auto bytes = encode_control(Spawn{1, {Preload::pandas, Preload::basic}});
  REQUIRE(decode_control<Spawn>(bytes));
  const auto other = ControlType::exited;
  std::memcpy(bytes.data(), &other, sizeof other);
  CHECK_FALSE(decode_control<Spawn>(bytes));
}

TEST_CASE("a control message that is a byte too short or too long is rejected", "[control]") {
  check_sizes<Configure>();
  check_sizes<Hello>();
  check_sizes<Spawn>();
  check_sizes<WorkerSpawned>();
  check_sizes<SpawnFailed>();
  check_sizes<WorkerExited>();
  check_sizes<Probed>();
  check_sizes<StartZygote>();
  check_sizes<LookAtGroup>();
  check_sizes<GroupState>();
}

TEST_CASE("an unknown control type is nobody's message", "[control]") {
  for (const std::uint32_t type : {0u, 7u, 0x01000000u, 0xffffffffu}) {
    auto bytes = encode_control(Spawn{1, {Preload::basic, Preload::basic}});
    std::memcpy(bytes.data(), &type, sizeof type);
    CHECK(takers(bytes) == 0);
  }
}

TEST_CASE("every isolation level has a name and others are unknown", "[control]") {
  CHECK(std::string(isolation_name(0)) == "none");
  CHECK(std::string(isolation_name(3)) == "namespaced");
  CHECK(std::string(isolation_name(4)) == "full");
  CHECK(std::string(isolation_name(5)) == "unknown");
  CHECK(std::string(isolation_name(0xffffffff)) == "unknown");
}

}  // namespace
}  // namespace pyexec
