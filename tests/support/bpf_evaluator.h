// Runs the part of classic BPF that sandbox/policy/bpf.cc writes, in user space. Whatever is not of
// that part throws, so that no instruction can pass unseen.
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <cstdint>
#include <cstring>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace pyexec::test {

class BpfEvaluator {
 public:
  explicit BpfEvaluator(std::span<const sock_filter> program)
      : program_(program.begin(), program.end()), executed_(program.size(), false) {}

  // The verdict: SECCOMP_RET_* with its data.
  std::uint32_t run(const seccomp_data& input) {
    std::uint32_t accumulator = 0;
    for (std::size_t at = 0;;) {
      if (at >= program_.size()) throw std::runtime_error("the program runs off its end");
      const sock_filter& instruction = program_[at];
      executed_[at] = true;
      switch (instruction.code) {
        case BPF_LD | BPF_W | BPF_ABS:
          accumulator = load(input, instruction.k);
          at += 1;
          break;
        case BPF_JMP | BPF_JEQ | BPF_K:
          at += 1u + (accumulator == instruction.k ? instruction.jt : instruction.jf);
          break;
        case BPF_JMP | BPF_JGE | BPF_K:
          at += 1u + (accumulator >= instruction.k ? instruction.jt : instruction.jf);
          break;
        case BPF_JMP | BPF_JSET | BPF_K:
          at += 1u + ((accumulator & instruction.k) != 0 ? instruction.jt : instruction.jf);
          break;
        case BPF_JMP | BPF_JA:
          at += 1u + instruction.k;
          break;
        case BPF_RET | BPF_K:
          return instruction.k;
        default:
          throw std::runtime_error("instruction " + std::to_string(at) + " has the unknown code " +
                                   std::to_string(instruction.code));
      }
    }
  }

  // Indexes of the instructions that no run has come to.
  std::vector<std::size_t> never_executed() const {
    std::vector<std::size_t> out;
    for (std::size_t i = 0; i < executed_.size(); ++i)
      if (!executed_[i]) out.push_back(i);
    return out;
  }

 private:
  static std::uint32_t load(const seccomp_data& input, std::uint32_t offset) {
    std::uint32_t word;
    if (offset % sizeof word != 0 || offset > sizeof input - sizeof word)
      throw std::runtime_error("a load from offset " + std::to_string(offset));
    std::memcpy(&word, reinterpret_cast<const char*>(&input) + offset, sizeof word);
    return word;
  }

  std::vector<sock_filter> program_;
  std::vector<bool> executed_;
};

}  // namespace pyexec::test
