// The operator's scripts that are endpoints: POST /tools/NAME, and tools of POST /mcp. On the
// server's thread.
//
// Each NAME.py of the directory is the set-up of a template, and each call of it a job on that
// template, which calls its main(). What main() takes is found out in such a job, too: nothing of a
// script runs outside a jail.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "server/engine/templates.h"

namespace pyexec {

struct Endpoint {
  std::string name, description;
  std::string input_schema;  // JSON
  JobRequest setup;
  std::string template_name = {};  // as last seen
};

class Endpoints {
 public:
  struct Parts {
    Templates& templates;
    Telemetry telemetry;
    Offload& offload;
    const JobCaps& caps;
  };
  // directory: may be "", for none.
  Endpoints(const Parts& parts, std::string directory)
      : parts_(parts), directory_(std::move(directory)) {}

  // Reads the directory again. Returns why that is not possible: then all stay as they were. A file
  // that is no good is named in the log, and what it was before is gone. One that cannot be tried
  // now, as there is no room, stays as it was.
  awaitable<std::optional<std::string>> load();

  // Calls main() of one. request: has the arguments.
  awaitable<Outcome> run(std::string name, const JobRequest& request,
                         std::shared_ptr<JobOutput> output, Cancellation& cancellation);

  const Endpoint* find(std::string_view name) const;
  const std::map<std::string, Endpoint, std::less<>>& all() const { return endpoints_; }

 private:
  struct File {
    std::string name, code, problem;  // of a file that is no good, why
  };
  struct Refused {
    std::string why;
    bool stays = false;  // as it was
  };
  awaitable<std::optional<Refused>> take(const File& file);
  void forget(const std::string& name);
  awaitable<Outcome> prepare(const Endpoint& endpoint, std::string& template_name);
  static boost::system::result<std::vector<File>, std::string> read(const std::string& directory,
                                                                    const JobCaps& caps);

  const Parts parts_;
  const std::string directory_;
  std::map<std::string, Endpoint, std::less<>> endpoints_;
};

}  // namespace pyexec
