// What is known of the last things that are no more, by name. On one thread.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace pyexec {

template <typename Value>
class Recent {
 public:
  // Forgets the oldest beyond kMost.
  void put(const std::string& name, Value value) {
    if (!values_.insert_or_assign(name, std::move(value)).second) return;
    order_.push_back(name);
    if (order_.size() <= kMost) return;
    values_.erase(order_.front());
    order_.pop_front();
  }
  // Returns nullptr if it is not known. Valid until the next call of `put`.
  const Value* find(std::string_view name) const {
    const auto found = values_.find(name);
    return found == values_.end() ? nullptr : &found->second;
  }

 private:
  static constexpr std::size_t kMost = 10'000;
  std::map<std::string, Value, std::less<>> values_;
  std::deque<std::string> order_;
};

}  // namespace pyexec
