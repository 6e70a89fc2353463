// pyexec-floor: what no jail and no HTTP would cost. The interpreter of pyexec-worker, warmed in
// the same way, runs a script in its own process (`inline`), or in a bare fork for each run, on
// several processes at a time (`fork`). Prints one line of JSON.
//
//   pyexec-floor inline SCRIPT RUNS
//   pyexec-floor fork SCRIPT SECONDS PROCESSES     memory laid out in pages, as any program's is
//   pyexec-floor image SCRIPT SECONDS PROCESSES    memory as an image (worker/job/memory_image.h)
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>
#include <vector>

#include "sandbox/base/sys.h"
#include "worker/job/interpreter.h"

namespace {

using namespace pyexec;
using Clock = std::chrono::steady_clock;

constexpr ReportCaps kCaps = {1 << 20, 1 << 16};

struct Tally {
  std::uint64_t runs;
  double seconds, p50_us, p99_us;
};

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::_Exit(1);
}

Job job_of(const char* file) {
  std::ifstream stream(file);
  std::ostringstream text;
  text << stream.rdbuf();
  if (!stream) die(file);
  return {text.str()};
}

Tally tally(std::vector<double> each, double seconds) {
  std::sort(each.begin(), each.end());
  if (each.empty()) return {0, seconds, 0, 0};
  return {each.size(), seconds, each[each.size() / 2], each[each.size() * 99 / 100]};
}

// Times `once` until `is_enough(runs, seconds)`.
Tally repeat(auto once, auto is_enough) {
  std::vector<double> each;
  const auto begin = Clock::now();
  for (auto now = begin;;) {
    once();
    const auto then = std::exchange(now, Clock::now());
    each.push_back(std::chrono::duration<double, std::micro>(now - then).count());
    const double seconds = std::chrono::duration<double>(now - begin).count();
    if (is_enough(each.size(), seconds)) return tally(std::move(each), seconds);
  }
}

void fork_once(const Interpreter& interpreter, const Job& job) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    interpreter.start_life("/tmp");
    ::_exit(interpreter.run(job, kCaps).kind == ReportKind::value ? 0 : 1);
  }
  int status = 1;
  if (pid == -1 || ::waitpid(pid, &status, 0) != pid || status != 0)
    die("a fork did not do its work");
}

FILE* answers = nullptr;

// What scripts print goes nowhere; `print` writes to the stdout of the start.
void silence() {
  const int null = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (null == -1 || ::dup2(null, STDOUT_FILENO) == -1) die("/dev/null");
}

void print(std::uint64_t processes, const Tally& sum) {
  std::fprintf(answers,
               "{\"processes\": %lu, \"runs\": %lu, \"seconds\": %.6f, \"per_s\": %.3f, "
               "\"p50_us\": %.3f, \"p99_us\": %.3f}\n",
               processes, sum.runs, sum.seconds, static_cast<double>(sum.runs) / sum.seconds,
               sum.p50_us, sum.p99_us);
}

// Each process is a zygote of its own: one alone would not keep two cores busy. All begin together.
void forks(MemoryForm memory, const Job& job, double seconds, std::size_t processes) {
  std::vector<int> sockets;
  for (std::size_t i = 0; i < processes; ++i) {
    int pair[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == -1) die("socketpair");
    if (::fork() == 0) {
      const Interpreter interpreter(Locking::by_kernel, {"", ""}, memory);
      if (memory == MemoryForm::image && interpreter.image().refused_step != nullptr)
        die(interpreter.image().refused_step);
      silence();
      char go = 1;
      if (!sys::send_all(pair[1], &go, 1) || !sys::read_all(pair[1], &go, 1)) die("go");
      const Tally own = repeat([&] { fork_once(interpreter, job); },
                               [&](std::uint64_t, double spent) { return spent >= seconds; });
      std::_Exit(sys::send_all(pair[1], &own, sizeof own) ? 0 : 1);
    }
    ::close(pair[1]);
    sockets.push_back(pair[0]);
  }
  char go;
  for (int socket : sockets)
    if (!sys::read_all(socket, &go, 1)) die("a zygote did not start");
  for (int socket : sockets) sys::send_all(socket, &go, 1);
  Tally sum = {};
  for (int socket : sockets) {
    Tally one;
    if (!sys::read_all(socket, &one, sizeof one)) die("a zygote did not finish");
    sum.runs += one.runs;
    sum.seconds = std::max(sum.seconds, one.seconds);
    sum.p50_us += one.p50_us / static_cast<double>(processes);
    sum.p99_us = std::max(sum.p99_us, one.p99_us);
  }
  while (::wait(nullptr) > 0) {
  }
  print(processes, sum);
}

}  // namespace

int main(int argc, char** argv) {
  answers = ::fdopen(::dup(STDOUT_FILENO), "w");
  if (argc == 4 && std::strcmp(argv[1], "inline") == 0) {
    const Job job = job_of(argv[2]);
    const Interpreter interpreter(Locking::by_kernel, {"", ""}, MemoryForm::pages);
    silence();
    const auto runs = static_cast<std::uint64_t>(std::atol(argv[3]));
    if (const pid_t pid = ::fork(); pid != 0) return ::waitpid(pid, nullptr, 0) == pid ? 0 : 1;
    interpreter.start_life("/tmp");
    const auto once = [&] {
      if (interpreter.run(job, kCaps).kind != ReportKind::value) die("the script failed");
    };
    for (int i = 0; i < 20; ++i) once();
    print(1, repeat(once, [&](std::uint64_t done, double) { return done >= runs; }));
    std::fflush(answers);
    ::_exit(0);
  } else if (argc == 5 &&
             (std::strcmp(argv[1], "fork") == 0 || std::strcmp(argv[1], "image") == 0)) {
    forks(argv[1][0] == 'i' ? MemoryForm::image : MemoryForm::pages, job_of(argv[2]),
          std::atof(argv[3]), static_cast<std::size_t>(std::atol(argv[4])));
  } else {
    std::fprintf(stderr,
                 "usage: pyexec-floor inline SCRIPT RUNS | fork|image SCRIPT SECONDS PROCESSES\n");
    return 2;
  }
  std::fflush(answers);
  ::_exit(0);
}
