// What a request is called in logs and answers.
#pragma once

#include <random>
#include <string>
#include <string_view>

namespace pyexec {

class RequestIds {
 public:
  RequestIds();  // throws where the system has no randomness

  // `sent` if it is 1 to 128 characters of [A-Za-z0-9._~:/+=@-], which need no quotes in a header
  // or a log; else 32 random hexadecimal digits. Who saw many can foretell the next.
  std::string id_for(std::string_view sent);

 private:
  std::mt19937_64 generator_;
};

}  // namespace pyexec
