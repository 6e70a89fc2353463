// Dispatches each (path, method) to its handler.
#pragma once

#include "server/api/api.h"

namespace pyexec {

class Router final : public RequestHandler {
 public:
  explicit Router(Api& api) : api_(api) {}

  awaitable<std::optional<Response>> answer(Exchange& exchange) override;
  Response too_busy(std::string_view target) override;
  // An answer about a job names its outcome.
  Response too_large(std::string_view target) override;
  std::optional<Response> refuse_late(std::string_view target) override;

 private:
  Api& api_;
};

}  // namespace pyexec
