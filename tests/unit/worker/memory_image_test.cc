#include "worker/job/memory_image.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <functional>
#include <sstream>
#include <string>

#include "tests/support/catch.h"
#include "worker/job/own_mappings.h"

namespace pyexec {
namespace {

constexpr std::size_t kPage = 4096;

// Exit codes of a process that looks.
constexpr int kHolds = 0, kDoesNot = 99, kNoImage = 77, kThrew = 98;

int exit_code_of(const std::function<int()>& what) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::signal(SIGSEGV, SIG_DFL);  // the test program's own would write a report
    try {
      ::_exit(what());
    } catch (...) {  // the test program must not go on in two processes
      ::_exit(kThrew);
    }
  }
  int status = -1;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// Whether `what` holds in a process whose memory is an image. Skipped where the kernel has none.
void check_in_image(const std::function<bool()>& prepare, const std::function<bool()>& what) {
  const int code = exit_code_of([&] {
    if (!prepare()) return kDoesNot;
    const ImageResult image = make_memory_image();
    if (image.refused_step != nullptr) {
      ::dprintf(STDERR_FILENO, "no image: %s: %s\n", image.refused_step,
                std::strerror(image.error));
      return kNoImage;
    }
    return what() ? kHolds : kDoesNot;
  });
  if (code == kNoImage) {
    WARN("this kernel makes no image");
    return;
  }
  CHECK(code == kHolds);
}

char* anonymous_page(std::size_t bytes = kPage) {
  void* const page =
      ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return page == MAP_FAILED ? nullptr : static_cast<char*>(page);
}

int initialised = 7;
std::string* on_the_heap = nullptr;

bool nothing() {
  return true;
}

TEST_CASE("what was in memory is there afterwards, and can be changed", "[memory_image]") {
  check_in_image(
      [] {
        initialised = 8;
        on_the_heap = new std::string(100'000, 'x');
        return true;
      },
      [] {
        if (initialised != 8 || *on_the_heap != std::string(100'000, 'x')) return false;
        initialised = 9;
        on_the_heap->assign(200'000, 'y');
        delete on_the_heap;
        return initialised == 9;
      });
}

TEST_CASE("what one fork writes no other sees, nor its parent", "[memory_image]") {
  check_in_image(nothing, [] {
    const auto writes = [] {
      const bool was_fresh = initialised == 7;
      initialised = 10;
      return was_fresh ? kHolds : kDoesNot;
    };
    for (int i = 0; i < 3; ++i)
      if (exit_code_of(writes) != kHolds || initialised != 7) return false;
    return true;
  });
}

TEST_CASE("most mappings become few", "[memory_image]") {
  static std::size_t before = 0;
  check_in_image(
      [] {
        // Neighbours of changing rights, as a library's code and constants are.
        char* const many = anonymous_page(200 * kPage);
        for (std::size_t i = 0; many != nullptr && i < 200; ++i)
          ::mprotect(many + i * kPage, kPage, i % 2 == 0 ? PROT_READ : PROT_READ | PROT_EXEC);
        before = own_mappings(false).size();
        return before > 200;
      },
      [] { return own_mappings(false).size() < before / 4; });
}

TEST_CASE("memory that a child must not inherit stays as it is", "[memory_image]") {
  static char *wiped = nullptr, *left_out = nullptr, *plain = nullptr;
  check_in_image(
      [] {
        wiped = anonymous_page();
        left_out = anonymous_page();
        plain = anonymous_page();
        if (wiped == nullptr || left_out == nullptr || plain == nullptr) return false;
        wiped[0] = left_out[0] = plain[0] = 's';
        return ::madvise(wiped, kPage, MADV_WIPEONFORK) == 0 &&
               ::madvise(left_out, kPage, MADV_DONTFORK) == 0;
      },
      [] {
        if (wiped[0] != 's' || left_out[0] != 's' || plain[0] != 's') return false;
        if (exit_code_of([] { return wiped[0] == 0 && plain[0] == 's' ? kHolds : kDoesNot; }) !=
            kHolds)
          return false;
        return exit_code_of([] { return left_out[0] == 's' ? kHolds : kDoesNot; }) == 128 + SIGSEGV;
      });
}

TEST_CASE("what is shared stays shared, and what has no rights has none", "[memory_image]") {
  static char *shared = nullptr, *guard = nullptr;
  check_in_image(
      [] {
        void* const page =
            ::mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        guard = anonymous_page();
        shared = static_cast<char*>(page);
        return page != MAP_FAILED && guard != nullptr && ::mprotect(guard, kPage, PROT_NONE) == 0;
      },
      [] {
        if (exit_code_of([] { return shared[0] = 'c', kHolds; }) != kHolds) return false;
        return shared[0] == 'c' &&
               exit_code_of([] { return guard[0] == 0 ? kHolds : kDoesNot; }) == 128 + SIGSEGV;
      });
}

TEST_CASE("nobody can write to the file", "[memory_image]") {
  check_in_image(nothing, [] {
    bool is_mapped = false;
    for (const OwnMapping& mapping : own_mappings(false)) {
      if (mapping.file.find("memfd:pyexec") == std::string::npos) continue;
      // Once sealed, no mapping of it can be shared and writable; what is mapped is private.
      if (mapping.allowed[3] != 'p') return false;
      if (mapping.allowed.starts_with("rwx")) return false;
      is_mapped = true;
      std::ostringstream path;
      path << "/proc/self/map_files/" << std::hex << mapping.begin << "-" << mapping.end;
      const int file = ::open(path.str().c_str(), O_RDWR | O_CLOEXEC);
      if (file == -1) continue;  // only root may look
      if ((::fcntl(file, F_GET_SEALS) & F_SEAL_WRITE) == 0) return false;
      if (::pwrite(file, "x", 1, 0) != -1 || errno != EPERM) return false;
      struct stat state = {};  // no hole is left that a job could fill
      if (::fstat(file, &state) == -1 || state.st_blocks * 512 < state.st_size) return false;
      ::close(file);
    }
    if (!is_mapped) return false;
    for (int fd = 0; fd < 256; ++fd) {
      char target[64] = {};
      const std::string link = "/proc/self/fd/" + std::to_string(fd);
      if (::readlink(link.c_str(), target, sizeof target - 1) > 0 &&
          std::strstr(target, "memfd:pyexec") != nullptr)
        return false;  // it is left open
    }
    return true;
  });
}

}  // namespace
}  // namespace pyexec
