// Fair sharing of memory among clients: one that uses much cannot lock out those that use little.
// Pure.
//
//   - The first `free_each` bytes of each hold are not counted. They are bounded by the limit on
//     connections, and leave every client room for small requests.
//   - Beyond them one subject (a key or an address) has at most as much as is still free: alone at
//     most half of all, with another greedy one a third each, and so on.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>

namespace pyexec {

class Shares {
 public:
  struct Room {
    std::uint64_t total;
    std::uint64_t free_each;
  };
  explicit Shares(Room room) : room_(room) {}
  Shares(const Shares&) = delete;
  Shares& operator=(const Shares&) = delete;

  // The bytes of one request or answer; given back on destruction.
  class Hold {
   public:
    // subject: the owner. Outlives this, and does not change while bytes are held.
    Hold(Shares& shares, const std::string& subject) : shares_(shares), subject_(subject) {}
    ~Hold() { take(0); }
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;

    // Sets the size to exactly `bytes`. Returns false, and changes nothing, if that is more than
    // before and more than the subject's share.
    [[nodiscard]] bool resize(std::uint64_t bytes);
    // Makes the size at least `bytes`; fails as above.
    [[nodiscard]] bool grow(std::uint64_t bytes) { return bytes <= bytes_ || resize(bytes); }
    // Sets the size even beyond every share: the bytes exist already.
    void take(std::uint64_t bytes);
    const std::string& subject() const { return subject_; }
    // Whether any of its bytes are counted.
    bool counts() const { return bytes_ > shares_.room_.free_each; }

   private:
    std::uint64_t counted(std::uint64_t bytes) const {
      return bytes > shares_.room_.free_each ? bytes - shares_.room_.free_each : 0;
    }

    Shares& shares_;
    const std::string& subject_;
    std::uint64_t bytes_ = 0;
  };

  // Calls `wake` whenever counted bytes are given back, until destroyed. `wake` only takes notes:
  // it is called in the middle of the change. The Shares must outlive this.
  class Watch {
   public:
    Watch(Shares& shares, std::function<void()> wake) : shares_(shares), wake_(std::move(wake)) {
      shares_.watches_.insert(this);
    }
    ~Watch() { shares_.watches_.erase(this); }
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

   private:
    friend class Hold;
    Shares& shares_;
    std::function<void()> wake_;
  };

  // Whether the subject is within its share, or has very little.
  bool may_take_more(std::string_view subject) const;
  // Whether `take` has gone beyond all shares.
  bool is_overdrawn() const { return counted_ > room_.total; }
  std::uint64_t held() const { return held_; }  // counted or not

 private:
  std::uint64_t counted_of(std::string_view subject) const;
  std::uint64_t left() const { return is_overdrawn() ? 0 : room_.total - counted_; }

  Room room_;
  std::uint64_t held_ = 0, counted_ = 0;
  std::map<std::string, std::uint64_t, std::less<>> by_subject_;  // counted bytes
  std::set<Watch*> watches_;
};

}  // namespace pyexec
