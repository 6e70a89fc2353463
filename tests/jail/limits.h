// Of the jails that these tests make.
#pragma once

#include "sandbox/plan/limits.h"

constexpr std::uint64_t kMiB = 1 << 20;

constexpr pyexec::sandbox::Limits kLimits = {.address_space_bytes = 256 * kMiB,
                                             .cpu_seconds = 10,
                                             .file_bytes = 8 * kMiB,
                                             .open_files = 64,
                                             .processes = 8,
                                             .tmp_bytes = 4 * kMiB,
                                             .tmp_inodes = 64,
                                             .shm_bytes = 4 * kMiB};
