// Large answers that are being sent. If a subject exceeds its share, its oldest answers whose
// clients do not read are ended. On the server's thread.
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
    // The owner: a key or an address.
    virtual std::string_view subject() const = 0;
    // Whether the client has read nothing of it for a while.
    virtual bool is_stalled() const = 0;
    // Ends its connection and gives its room back at once.
    virtual void give_way() = 0;
  };

  explicit UnreadAnswers(Shares& room) : room_(room) {}

  // Lists an answer until the Entry is destroyed. The answer must outlive it.
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

  // Call it before a job of this subject begins. Returns whether there will be room for its answer.
  bool make_room_for(std::string_view subject);
  // Call it after an answer was taken in beyond all shares.
  void settle();

 private:
  Shares& room_;
  std::list<Answer*> answers_;  // oldest first
};

}  // namespace pyexec
