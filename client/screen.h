// Standard error: a bar that is drawn again and again, and lines that stay.
#pragma once

#include <string>

namespace pyexec::client {

class Screen {
 public:
  static bool is_terminal();

  void draw(const std::string& bar);
  // Leaves the bar where it is.
  void say(const std::string& line);

 private:
  bool has_bar_ = false;
};

}  // namespace pyexec::client
