// Runs in the jailed worker.
#include "sandbox/layers/landlock.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <unistd.h>

#include <span>

#include "sandbox/base/sys.h"
#include "sandbox/base/unique_fd.h"
#include "sandbox/layers/root_image.h"

namespace pyexec::sandbox {
namespace {

// Newer than Debian 12's header.
constexpr std::uint64_t kTruncate = 1u << 14, kIoctlDevice = 1u << 15;
constexpr std::uint64_t kTcpBind = 1u << 0, kTcpConnect = 1u << 1;
constexpr std::uint64_t kScopeAbstractSockets = 1u << 0, kScopeSignals = 1u << 1;

constexpr std::uint64_t kRead = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr std::uint64_t kReadFile = LANDLOCK_ACCESS_FS_READ_FILE;
constexpr std::uint64_t kReadWriteFile = kReadFile | LANDLOCK_ACCESS_FS_WRITE_FILE;
// Grants no right to make device nodes or named sockets.
constexpr std::uint64_t kScratch =
    kRead | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
    LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
    LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REFER | kTruncate;

struct FileRow {
  const char* path;
  std::uint64_t allowed;
};
// No row lets anything be executed. Rows that the host lacks are skipped, as rows only allow.
constexpr FileRow kHostTree[] = {
    {"/usr/lib", kRead},  // the interpreter, its packages, shared libraries
    {"/usr/lib64", kRead},
    {"/usr/share/zoneinfo", kRead},
    {"/usr/share/matplotlib", kRead},
    {"/usr/share/fonts/truetype/wqy", kRead},
    {"/etc/ld.so.cache", kReadFile},
    // mimetypes reads it if it is there, and what is not to be read is there all the same.
    {"/etc/mime.types", kReadFile},
    {"/etc/ssl/certs/ca-certificates.crt", kReadFile},
    {"/dev/null", kReadWriteFile},
    {"/dev/zero", kReadWriteFile},
    {"/dev/full", kReadWriteFile},
    {"/dev/random", kReadFile},
    {"/dev/urandom", kReadFile},
};

constexpr FileRow kImage[] = {
    {"/", kRead | LANDLOCK_ACCESS_FS_EXECUTE},
    {"/dev/null", kReadWriteFile},
    {"/dev/zero", kReadWriteFile},
    {"/dev/full", kReadWriteFile},
    {kTmpDirectory, kScratch | LANDLOCK_ACCESS_FS_MAKE_FIFO},
    {kShmDirectory, kScratch},
};

std::uint64_t handled_by(int abi) {
  std::uint64_t handled = (1u << 13) - 1;  // ABI 1: all rights up to MAKE_SYM
  if (abi >= 2) handled |= LANDLOCK_ACCESS_FS_REFER;
  if (abi >= 3) handled |= kTruncate;
  if (abi >= 5) handled |= kIoctlDevice;
  return handled;
}

class Ruleset {
 public:
  explicit Ruleset(int abi)
      : handled_(handled_by(abi)),
        fd_(sys::landlock_create(
            {handled_, kTcpBind | kTcpConnect, kScopeAbstractSockets | kScopeSignals}, abi)) {}

  SetupError allow(const FileRow& row, std::uint32_t index) const {
    if (!fd_) return fail(Step::landlock, errno, kCreate);
    const UniqueFd file(::open(row.path, O_PATH | O_CLOEXEC));
    if (!file) return errno == ENOENT ? ok() : fail(Step::landlock, errno, index);
    return check(sys::landlock_allow_beneath(fd_.get(), file.get(), row.allowed & handled_),
                 Step::landlock, index);
  }
  SetupError allow(std::span<const FileRow> rows) const {
    for (std::uint32_t i = 0; i < rows.size(); ++i) PYEXEC_TRY(allow(rows[i], i));
    return ok();
  }
  SetupError enforce() const {
    return check(sys::landlock_restrict_self(fd_.get()), Step::landlock, kRestrict);
  }

 private:
  static constexpr std::uint32_t kCreate = 100, kRestrict = 101;

  std::uint64_t handled_;
  UniqueFd fd_;
};

constexpr std::uint32_t kVerify = 102, kScratchRow = 103, kPackagesRow = 104;

}  // namespace

SetupError restrict_host_tree(const OwnDirectories& own, int abi) {
  const Ruleset ruleset(abi);
  PYEXEC_TRY(ruleset.allow(kHostTree));
  if (own.scratch[0] != '\0') PYEXEC_TRY(ruleset.allow({own.scratch, kScratch}, kScratchRow));
  if (own.packages[0] != '\0') PYEXEC_TRY(ruleset.allow({own.packages, kRead}, kPackagesRow));
  PYEXEC_TRY(ruleset.enforce());
  // Tries to open files that every host has and no row of the table names.
  for (const char* path : {"/", "/proc/self/status", "/etc/passwd"}) {
    const UniqueFd opened(::open(path, O_RDONLY | O_CLOEXEC));
    if (opened || (errno != EACCES && errno != ENOENT)) return fail(Step::landlock, 0, kVerify);
  }
  return ok();
}

SetupError restrict_image(int abi) {
  const Ruleset ruleset(abi);
  PYEXEC_TRY(ruleset.allow(kImage));
  return ruleset.enforce();  // jail.cc tries forbidden writes
}

}  // namespace pyexec::sandbox
