// The answer to a batch, put together as its jobs end. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "server/json/json_items.h"

namespace pyexec {

// Lines as they come; or a JSON array, whose elements are in the order of the jobs.
class BatchAnswer {
 public:
  explicit BatchAnswer(JsonItems::Form form) : form_(form) {}

  void add(std::uint64_t index, std::string object) {
    held_bytes_ += object.size();
    if (form_ == JsonItems::Form::lines) {
      ready_bytes_ += object.size();
      return append(object + "\n");
    }
    held_.emplace(index, std::move(object));
    for (auto next = held_.begin(); next != held_.end() && next->first == next_index_;
         next = held_.erase(next), ++next_index_) {
      ready_bytes_ += next->second.size();
      append((next_index_ == 0 ? "[" : ",\n") + next->second);
    }
  }
  // A line that belongs to no job. Has no place in an array.
  void add_note(std::string object) {
    if (form_ == JsonItems::Form::lines) append(object + "\n");
  }
  void end() {
    if (form_ == JsonItems::Form::array) append(next_index_ == 0 ? "[]\n" : "]\n");
  }

  // What can be sent now.
  std::string take() {
    held_bytes_ -= std::exchange(ready_bytes_, 0);
    return std::exchange(ready_, {});
  }
  std::uint64_t bytes() const { return held_bytes_; }  // added, and not taken yet

 private:
  void append(std::string text) { ready_ += text; }

  JsonItems::Form form_;
  std::string ready_;
  std::map<std::uint64_t, std::string> held_;
  std::uint64_t next_index_ = 0;
  std::uint64_t held_bytes_ = 0, ready_bytes_ = 0;  // of objects: all, and those in ready_
};

}  // namespace pyexec
