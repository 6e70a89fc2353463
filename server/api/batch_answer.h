// Builds the answer to a batch as its jobs end. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "server/json/json_items.h"

namespace pyexec {

// Either lines in order of completion, or a JSON array in the order of the jobs.
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
  // Adds a line that belongs to no job. Ignored in an array.
  void add_note(std::string object) {
    if (form_ == JsonItems::Form::lines) append(object + "\n");
  }
  void end() {
    if (form_ == JsonItems::Form::array) append(next_index_ == 0 ? "[]\n" : "]\n");
  }

  // Removes and returns what can be sent now.
  std::string take() {
    held_bytes_ -= std::exchange(ready_bytes_, 0);
    return std::exchange(ready_, {});
  }
  std::uint64_t bytes() const { return held_bytes_; }  // added but not taken yet

 private:
  void append(std::string text) { ready_ += text; }

  JsonItems::Form form_;
  std::string ready_;
  std::map<std::uint64_t, std::string> held_;
  std::uint64_t next_index_ = 0;
  std::uint64_t held_bytes_ = 0, ready_bytes_ = 0;  // of objects: all, and those in ready_
};

}  // namespace pyexec
