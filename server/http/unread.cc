#include "server/http/unread.h"

namespace pyexec {

bool UnreadAnswers::make_room_for(std::string_view subject) {
  for (auto next = answers_.begin(); !room_.may_take_more(subject) && next != answers_.end();) {
    Answer& answer = **next++;
    if (answer.subject() == subject && answer.is_stalled()) answer.give_way();
  }
  return room_.may_take_more(subject);
}

void UnreadAnswers::settle() {
  for (auto next = answers_.begin(); room_.is_overdrawn() && next != answers_.end();) {
    Answer& answer = **next++;
    if (!room_.may_take_more(answer.subject()) && answer.is_stalled()) answer.give_way();
  }
}

}  // namespace pyexec
