#include "server/engine/admission.h"

#include <vector>

#include "tests/support/catch.h"

namespace pyexec {
namespace {

TEST_CASE("admission gives out exactly its places", "[admission]") {
  constexpr std::uint64_t kPlaces = 3;
  Admission admission(kPlaces);
  std::vector<Admission::Permit> permits;
  for (std::uint64_t i = 0; i < kPlaces; ++i) {
    auto permit = admission.try_admit();
    REQUIRE(permit);
    permits.push_back(std::move(*permit));
  }
  CHECK_FALSE(admission.try_admit());
  CHECK(admission.admitted() == kPlaces);
}

TEST_CASE("a refusal takes no place", "[admission]") {
  Admission admission(1);
  const auto permit = admission.try_admit();
  for (int i = 0; i < 10; ++i) CHECK_FALSE(admission.try_admit());
  CHECK(admission.admitted() == 1);
}

TEST_CASE("a permit gives its place back when destroyed", "[admission]") {
  Admission admission(1);
  {
    const auto permit = admission.try_admit();
    REQUIRE(permit);
    CHECK_FALSE(admission.try_admit());
  }
  CHECK(admission.admitted() == 0);
  CHECK(admission.try_admit());
}

TEST_CASE("a moved-from permit gives nothing back", "[admission]") {
  Admission admission(1);
  auto first = admission.try_admit();
  REQUIRE(first);
  {
    const Admission::Permit moved = std::move(*first);
    first.reset();
    CHECK(admission.admitted() == 1);
    CHECK_FALSE(admission.try_admit());
  }
  CHECK(admission.admitted() == 0);
}

TEST_CASE("a permit that moves many times gives back one place", "[admission]") {
  Admission admission(2);
  const auto other = admission.try_admit();
  {
    auto permit = admission.try_admit();
    Admission::Permit a = std::move(*permit);
    Admission::Permit b = std::move(a);
    const Admission::Permit c = std::move(b);
    CHECK(admission.admitted() == 2);
  }
  CHECK(admission.admitted() == 1);
}

TEST_CASE("a permit of several places gives back as many", "[admission]") {
  Admission admission(10);
  {
    auto seven = admission.try_admit(7);
    REQUIRE(seven);
    const Admission::Permit moved = std::move(*seven);
    CHECK(admission.admitted() == 7);
    CHECK_FALSE(admission.try_admit(4));
    CHECK_FALSE(admission.try_admit(0xffffffffffffffff));
    CHECK(admission.try_admit(3));
    CHECK(admission.try_admit(0));
  }
  CHECK(admission.admitted() == 0);
  CHECK(admission.try_admit(10));
}

TEST_CASE("admission without places admits nobody", "[admission]") {
  Admission admission(0);
  CHECK_FALSE(admission.try_admit());
  CHECK(admission.admitted() == 0);
}

}  // namespace
}  // namespace pyexec
