#include "server/app/descriptors.h"

#include <limits>

#include "tests/support/catch.h"
#include "worker/protocol/control.h"

namespace pyexec {
namespace {

using Texts = std::vector<std::string>;

constexpr std::uint64_t kOwn = 64, kTemplateJail = kMostWorkerFds + 3;

Config config() {
  const char* arguments[] = {"pyexec-server", nullptr};
  const char* variables[] = {nullptr};
  Config out = read_config(1, arguments, variables).config;
  out.pool_workers = 1;
  out.running_jobs = 4;
  out.parked = out.sessions = 0;
  out.templates = 4;
  out.template_jails = 8;
  out.connections = 100;
  return out;
}

// Of jobs of config(): each may be on a template that has been deleted meanwhile.
constexpr std::uint64_t kJobs = kOwn + kMostWorkerFds + 4 * kTemplateJail;

TEST_CASE("what fits stays as it is, to the last descriptor", "[descriptors]") {
  Config given = config();
  CHECK(share_out_descriptors(given, kJobs + 32 * kTemplateJail + 100).empty());
  CHECK((given.templates == 4 && given.template_jails == 8 && given.connections == 100));
  CHECK_FALSE(share_out_descriptors(given, kJobs + 32 * kTemplateJail + 99).empty());
  CHECK(share_out_descriptors(given, std::numeric_limits<std::uint64_t>::max()).empty());
}

TEST_CASE("connections and jails share what is left", "[descriptors]") {
  Config given = config();
  given.connections = 10'000;
  const auto told = share_out_descriptors(given, kJobs + 400);
  CHECK((given.templates == 4 && given.template_jails == 200 / kTemplateJail / 4));
  CHECK(given.connections == 400 - given.template_jails * 4 * kTemplateJail);
  CHECK(told == Texts{"the limit of open files leaves room for 5 jails of each template, not "
                      "PYEXEC_TEMPLATE_JAILS=8",
                      "the limit of open files leaves room for 220 connections, not "
                      "PYEXEC_CONNECTIONS=10000"});
}

TEST_CASE("with less there are fewer templates, of one jail each", "[descriptors]") {
  Config given = config();
  given.templates = 100;
  given.connections = 10'000;
  const auto told = share_out_descriptors(given, kJobs + 400);
  CHECK((given.templates == 22 && given.template_jails == 1 && given.connections == 202));
  REQUIRE(told.size() == 3);
  CHECK(told[0] ==
        "the limit of open files leaves room for 22 templates, not PYEXEC_TEMPLATES=100");
}

TEST_CASE("what connections do not need goes to jails", "[descriptors]") {
  Config given = config();
  given.connections = 10;
  CHECK(share_out_descriptors(given, kJobs + 10 + 32 * kTemplateJail).empty());
  CHECK(share_out_descriptors(given, kJobs + 9 + 32 * kTemplateJail).size() == 1);
  CHECK((given.template_jails == 7 && given.connections == 10));
}

TEST_CASE("where jobs alone may need more, that is said with both numbers", "[descriptors]") {
  Config given = config();
  const auto told = share_out_descriptors(given, 100);
  REQUIRE_FALSE(told.empty());
  CHECK(told[0].starts_with("the limit of open files is 100, and jobs and sessions may need " +
                            std::to_string(kJobs) + ": "));
  CHECK((given.templates == 1 && given.template_jails == 1 && given.connections == 1));
}

TEST_CASE("never more than there is, and one of each at least", "[descriptors]") {
  for (std::uint64_t most = 0; most < 2000; ++most) {
    Config given = config();
    share_out_descriptors(given, most);
    REQUIRE((given.templates >= 1 && given.template_jails >= 1 && given.connections >= 1));
    const std::uint64_t used =
        kJobs + given.templates * given.template_jails * kTemplateJail + given.connections;
    // The least of all may still be more.
    REQUIRE((used <= most || (most <= kJobs + 2 * kTemplateJail && given.templates == 1 &&
                              given.template_jails == 1 && given.connections <= kTemplateJail)));
  }
}

TEST_CASE("without templates all that is left is for connections", "[descriptors]") {
  Config given = config();
  given.templates = 0;
  CHECK(share_out_descriptors(given, kOwn + 5 * kMostWorkerFds + 60).size() == 1);
  CHECK((given.template_jails == 8 && given.connections == 60));
}

TEST_CASE("sessions and jobs that wait have theirs first", "[descriptors]") {
  Config given = config();
  given.templates = 0;
  given.sessions = 3;
  given.session_states = 10;
  given.parked = 7;
  share_out_descriptors(given, kOwn + 12 * kMostWorkerFds + 3 * (kMostWorkerFds + 10) + 33);
  CHECK(given.connections == 33);
}

}  // namespace
}  // namespace pyexec
