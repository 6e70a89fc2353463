// pyexec-batch: sends lines of jobs to a pyexec service, and writes their answers.
#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <iostream>

#include "client/options.h"
#include "client/runner.h"

namespace {

using namespace pyexec::client;

// Asio makes what it reads and writes non-blocking, also for whoever else has it.
class KeptFlags {
 public:
  explicit KeptFlags(int fd) : fd_(fd), flags_(::fcntl(fd, F_GETFL)) {}
  ~KeptFlags() {
    if (flags_ != -1) ::fcntl(fd_, F_SETFL, flags_);
  }
  KeptFlags(const KeptFlags&) = delete;
  KeptFlags& operator=(const KeptFlags&) = delete;

 private:
  int fd_, flags_;
};

int refuse(const std::string& message) {
  std::cerr << "pyexec-batch: " << message << "\n";
  return kExitRefused;
}

int run(const Options& options) {
  net::io_context context(1);
  auto input = Input::open(context.get_executor(), options.input);
  if (const auto* problem = std::get_if<Problem>(&input)) return refuse(problem->message);
  auto results =
      Results::open(context.get_executor(), options, std::get<Input>(input).descriptor());
  if (const auto* problem = std::get_if<Problem>(&results)) return refuse(problem->message);
  Runner runner(context, options,
                {std::get<Input>(std::move(input)), std::get<Results>(std::move(results))});
  const End end = runner.run();
  runner.finish(end);
  return end.code;
}

}  // namespace

int main(int argc, char** argv) try {
  auto options = read_options(argc, argv);
  if (const auto* end = std::get_if<End>(&options)) {
    if (end->code != kExitOk) return refuse(end->message);
    std::cout << end->message;
    return kExitOk;
  }
  std::signal(SIGPIPE, SIG_IGN);
  const KeptFlags in(STDIN_FILENO), out(STDOUT_FILENO);
  return run(std::get<Options>(options));
} catch (const std::exception& error) {
  std::cerr << "pyexec-batch: " << error.what() << "\n";
  return kExitGaveUp;
}
