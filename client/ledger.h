// Which jobs are out, which are answered, which have to be sent (again). Pure.
//
//   add ──▶ waiting ── take_next ──▶ out ── settle ──▶ gone: reported
//              ▲                      │
//              └── settle, restart ◀──┘
//
// A job is in here from `add` until its answer is to be reported, and only that settle says so:
// hence none is lost, and none is reported twice.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace pyexec::client {

class Ledger {
 public:
  // `jobs` and `bytes` bound what is in the ledger; a single job may have any size.
  struct Limits {
    std::uint64_t jobs;
    std::uint64_t bytes;
    unsigned internal_retries;  // how often a job that ends as `internal` is sent again
  };
  explicit Ledger(Limits limits) : limits_(limits) {}

  bool has_room(std::uint64_t bytes) const;
  // `place`: of the job in the whole input; must not have been added before.
  void add(std::uint64_t place, std::string line);

  // The next line to send on this connection; good until the job is settled.
  std::optional<std::string_view> take_next();
  bool has_waiting() const { return !waiting_.empty(); }
  bool has_out() const { return !out_.empty(); }

  // What an answer means for the job that this connection has at `index`.
  struct Verdict {
    enum class What { report, again, unknown } what;
    std::uint64_t place = 0, bytes = 0;  // of the job
  };
  Verdict settle(std::uint64_t index, std::string_view outcome);

  // A new connection: it begins to count at 0, and whatever has no answer is to be sent on it.
  void restart();

  std::uint64_t size() const { return jobs_.size(); }
  std::uint64_t bytes() const { return bytes_; }

 private:
  struct Job {
    std::string line;
    unsigned internal_ends = 0;
  };
  bool is_to_be_sent_again(Job& job, std::string_view outcome) const;

  Limits limits_;
  std::map<std::uint64_t, Job> jobs_;                     // by place
  std::deque<std::uint64_t> waiting_;                     // places
  std::unordered_map<std::uint64_t, std::uint64_t> out_;  // index on this connection -> place
  std::uint64_t next_index_ = 0, bytes_ = 0;
};

}  // namespace pyexec::client
