#include "server/http/seats.h"

#include <memory>
#include <optional>
#include <vector>

#include "tests/support/catch.h"

namespace pyexec {
namespace {

using Guest = Seats::Guest;

struct Table {
  // The number of the connection.
  std::size_t sit(const std::string& address) {
    const std::size_t number = guests.size();
    guests.push_back(
        std::make_unique<Seats::Seat>(seats, address, [this, number] { left = number; }));
    guests.back()->wait(now);
    now += std::chrono::seconds(1);
    return number;
  }
  std::optional<std::size_t> asked() {
    left.reset();
    seats.ask_to_leave();
    return left;
  }

  Seats seats;
  Seats::Time now = {};
  std::vector<std::unique_ptr<Seats::Seat>> guests;
  std::optional<std::size_t> left;
};

TEST_CASE("who has waited longest is asked first, and once", "[seats]") {
  Table table;
  const auto first = table.sit("a"), second = table.sit("b"), third = table.sit("c");
  table.guests[first]->wait(table.now);  // again, after a request
  CHECK(table.asked() == second);
  CHECK(table.asked() == third);
  CHECK(table.asked() == first);
  CHECK_FALSE(table.asked());
}

TEST_CASE("who has a job stays", "[seats]") {
  Table table;
  const auto first = table.sit("a"), second = table.sit("a");
  table.guests[first]->keep();
  CHECK(table.asked() == second);
  CHECK_FALSE(table.asked());
  CHECK(table.seats.next_leave() == Seats::Time::max());
}

TEST_CASE("strangers go before those who have shown a key", "[seats]") {
  Table table;
  const auto known = table.sit("a"), stranger = table.sit("b");
  table.guests[known]->set_known();
  table.guests[known]->wait({});
  CHECK(table.asked() == stranger);
  CHECK(table.asked() == known);
}

TEST_CASE("an address with more than half of all goes first", "[seats]") {
  Table table;
  const auto old = table.sit("victim");
  std::vector<std::size_t> many;
  for (int i = 0; i < 5; ++i) many.push_back(table.sit("greedy"));
  CHECK(table.asked() == many[0]);
  CHECK(table.asked() == many[1]);
  for (const auto number : many) table.guests[number].reset();
  CHECK(table.asked() == old);
}

TEST_CASE("nobody is asked before there was time for a request", "[seats]") {
  Table table;
  table.sit("a");
  CHECK(table.seats.next_leave() > Seats::Time());
}

}  // namespace
}  // namespace pyexec
