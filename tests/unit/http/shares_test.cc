#include "server/http/shares.h"

#include <memory>
#include <vector>

#include "server/http/unread.h"
#include "tests/support/catch.h"

namespace pyexec {
namespace {

constexpr Shares::Room kRoom = {.total = 1000, .free_each = 10};
const std::string kGreedy = "key greedy", kOther = "key other", kThird = "key third";

TEST_CASE("one subject has at most half, and another is not kept out", "[shares]") {
  Shares shares(kRoom);
  Shares::Hold first(shares, kGreedy), second(shares, kGreedy), other(shares, kOther);
  CHECK(first.resize(510));
  CHECK_FALSE(second.resize(11));
  CHECK(other.resize(260));
  CHECK_FALSE(other.resize(261));
  CHECK(shares.held() == 770);
}

TEST_CASE("many small holds of one subject do not add up to more than its share", "[shares]") {
  Shares shares(kRoom);
  std::vector<std::unique_ptr<Shares::Hold>> holds;
  for (int i = 0; i < 1000; ++i) {
    holds.push_back(std::make_unique<Shares::Hold>(shares, kGreedy));
    if (!holds.back()->resize(20)) break;
  }
  CHECK(holds.size() == 51);
  Shares::Hold other(shares, kOther);
  CHECK(other.resize(200));
}

TEST_CASE("who waits for room is told when there is more", "[shares]") {
  Shares shares(kRoom);
  Shares::Hold large(shares, kGreedy), other(shares, kOther);
  int told = 0;
  {
    const Shares::Watch watch(shares, [&] { ++told; });
    CHECK(large.resize(400));
    CHECK(other.resize(10));  // not counted
    CHECK(told == 0);
    CHECK(large.resize(300));
    CHECK(told == 1);
    other.take(0);
    CHECK(told == 1);
    large.take(0);
    CHECK(told == 2);
    CHECK(large.resize(400));
  }
  large.take(0);
  CHECK(told == 2);
}

TEST_CASE("what is small has room whoever has the rest", "[shares]") {
  Shares shares(kRoom);
  Shares::Hold large(shares, kGreedy), same(shares, kGreedy);
  large.take(5000);
  CHECK(shares.is_overdrawn());
  CHECK(same.resize(10));
  CHECK_FALSE(same.resize(11));
  CHECK_FALSE(shares.may_take_more(kGreedy));
  CHECK(shares.may_take_more(kOther));
}

TEST_CASE("a hold gives back what it has", "[shares]") {
  Shares shares(kRoom);
  {
    Shares::Hold hold(shares, kGreedy);
    CHECK(hold.grow(400));
    CHECK(hold.grow(100));
    CHECK(shares.held() == 400);
    CHECK(hold.resize(100));
    CHECK(shares.held() == 100);
    CHECK_FALSE(hold.resize(2000));
    CHECK(shares.held() == 100);
  }
  CHECK(shares.held() == 0);
  Shares::Hold again(shares, kGreedy);
  CHECK(again.resize(510));
}

class Answer : public UnreadAnswers::Answer {
 public:
  enum class Reader { reads, stalls };
  Answer(UnreadAnswers& all, Shares& shares, const std::string& subject, Reader reader)
      : hold_(shares, subject), reader_(reader), entry_(all, *this) {
    hold_.take(310);
  }
  std::string_view subject() const override { return hold_.subject(); }
  bool is_stalled() const override { return reader_ == Reader::stalls; }
  void give_way() override {
    hold_.take(0);
    is_gone = true;
  }
  bool is_gone = false;

 private:
  Shares::Hold hold_;
  Reader reader_;
  UnreadAnswers::Entry entry_;
};

TEST_CASE("before a job begins its own subject's stalled answers give way", "[shares]") {
  using Reader = Answer::Reader;
  Shares shares(kRoom);
  UnreadAnswers answers(shares);
  Answer read(answers, shares, kGreedy, Reader::reads),
      first(answers, shares, kGreedy, Reader::stalls),
      second(answers, shares, kGreedy, Reader::stalls),
      others(answers, shares, kOther, Reader::stalls);
  CHECK(answers.make_room_for(kGreedy));
  CHECK(first.is_gone);
  CHECK(second.is_gone);
  CHECK_FALSE(read.is_gone);
  CHECK_FALSE(others.is_gone);
}

TEST_CASE("a subject whose answers are all being read waits, and others do not", "[shares]") {
  using Reader = Answer::Reader;
  Shares shares(kRoom);
  UnreadAnswers answers(shares);
  Answer first(answers, shares, kGreedy, Reader::reads),
      second(answers, shares, kGreedy, Reader::reads);
  CHECK_FALSE(answers.make_room_for(kGreedy));
  CHECK(answers.make_room_for(kOther));
}

TEST_CASE("beyond all room the stalled answers of who has most give way", "[shares]") {
  using Reader = Answer::Reader;
  Shares shares(kRoom);
  UnreadAnswers answers(shares);
  std::vector<std::unique_ptr<Answer>> stalled;
  for (int i = 0; i < 5; ++i)
    stalled.push_back(std::make_unique<Answer>(answers, shares, kGreedy, Reader::stalls));
  Shares::Hold small(shares, kThird);
  small.take(50);
  answers.settle();
  CHECK_FALSE(shares.is_overdrawn());
  CHECK(stalled.front()->is_gone);
  CHECK_FALSE(stalled.back()->is_gone);
}

}  // namespace
}  // namespace pyexec
