// Large answers that are being sent. Of those whose clients do not read the oldest give way where
// they take up more than their subject's share. On the server's thread.
#pragma once

#include <list>
#include <string_view>

#include "server/http/shares.h"

namespace pyexec {

class UnreadAnswers {
 public:
  class Answer {
   public:
    virtual ~Answer() = default;
    // A key's or an address's.
    virtual std::string_view subject() const = 0;
    // Whether the client has taken nothing of it for a while.
    virtual bool is_stalled() const = 0;
    // Ends its connection, and gives its room back at once.
    virtual void give_way() = 0;
  };

  explicit UnreadAnswers(Shares& room) : room_(room) {}

  // Until the Entry is destroyed. The answer must outlive it.
  class Entry {
   public:
    Entry(UnreadAnswers& all, Answer& answer)
        : all_(all), place_(all.answers_.insert(all.answers_.end(), &answer)) {}
    ~Entry() { all_.answers_.erase(place_); }
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;

   private:
    UnreadAnswers& all_;
    std::list<Answer*>::iterator place_;
  };

  // Before a job of this subject begins: whether there will be room for its answer.
  bool make_room_for(std::string_view subject);
  // After an answer was taken in beyond all shares.
  void settle();

 private:
  Shares& room_;
  std::list<Answer*> answers_;  // the oldest first
};

}  // namespace pyexec
