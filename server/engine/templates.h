// The templates of this instance: who owns which, their jails, and when they end. On the server's
// thread.
//
// A template is a set-up that has run in jails of its own. Each of its jobs is a fork of what the
// set-up has left, alone in such a jail. A jail gets another job only if it is proven that the one
// before left nothing: the kernel's count of processes has not moved (the jail's init says so), and
// no file has changed (the process that forks the jobs says so, which none of them can reach). Else
// the set-up runs again, in a new jail. Where there is no such proof, each jail is for one job.
//
// A template is a cache: when it ends, its owner sends it again.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/base/turns.h"
#include "server/engine/template.h"
#include "server/job/job_output.h"
#include "server/telemetry/metrics.h"
#include "server/workers/session_maker.h"

namespace pyexec {

struct TemplateLimits {
  std::uint64_t templates, templates_per_owner;
  std::chrono::seconds idle;
  std::uint64_t jails;                  // of one template, at most
  std::uint64_t memory_bytes;           // of all
  std::uint64_t running_jobs;           // set-ups too
  std::chrono::milliseconds make_time;  // for a jail, and at first for the zygote
};

class Templates {
 public:
  struct Parts {
    net::any_io_executor executor;
    SessionMaker& maker;
    Telemetry telemetry;
    Offload& offload;
    const JobCaps& caps;
  };
  Templates(const Parts& parts, const TemplateLimits& limits);

  // Before the first template. image: names what runs in a jail; a template's name depends on it.
  struct Host {
    SessionJail::Forks forks;
    bool keeps_jails;  // whether it can be proven that a job has left nothing
    std::string image;
  };
  void set_host(Host host) { host_ = std::move(host); }
  // Whether a template's jobs are forked from one set-up; else each has one of its own.
  bool forks() const { return host_.forks == SessionJail::Forks::yes && host_.keeps_jails; }

  // There can be none on this host.
  void refuse_all(std::string why) { refusal_ = std::move(why); }
  // Runs the set-up, unless the template is there already. `name` is "" unless the outcome is `ok`.
  // The outcome is `busy` if there are too many that are in use.
  struct Put {
    std::string name;
    bool is_new = false;
    Outcome outcome;
  };
  awaitable<Put> put(JobRequest setup, std::shared_ptr<JobOutput> output,
                     Cancellation& cancellation);

  // Returns why the template of this request cannot be used: unknown_template.
  std::optional<Outcome> problem_with(const JobRequest& request) const;
  // Gives the request no more memory than its template has.
  void clamp(JobRequest& request) const;
  // Runs a job on its template. Fills `output`.
  awaitable<Outcome> run(const JobRequest& request, std::shared_ptr<JobOutput> output,
                         Cancellation& cancellation);
  // Hands over a jail, for a session that begins with the template.
  boost::system::result<std::shared_ptr<Template>, Outcome> find(const JobRequest& request) const;
  awaitable<boost::system::result<std::shared_ptr<SessionJail>, Outcome>> take_jail(
      const JobRequest& request, Deadline deadline, Cancellation& cancellation);

  std::vector<std::shared_ptr<Template>> of(const std::string& owner) const;
  // Returns false if there is no such template.
  bool remove(const std::string& owner, const std::string& name);
  void close();

  TemplateCount count() const;

 private:
  using Key = std::pair<std::string, std::string>;  // owner, name
  struct SetUp {
    std::optional<Template::Jail> jail;
    Outcome outcome;
  };
  awaitable<SetUp> set_up(const JobRequest& setup, std::shared_ptr<JobOutput> output,
                          Cancellation& cancellation);
  std::optional<std::string> name_of(const JobRequest& setup) const;
  awaitable<boost::system::result<Template::Jail, Outcome>> jail_for(
      std::shared_ptr<Template> known, Deadline deadline, Cancellation& cancellation);
  void make_if_wanted(const std::shared_ptr<Template>& known);
  awaitable<void> make(std::shared_ptr<Template> known);
  void give(const std::shared_ptr<Template>& known, Template::Jail jail);
  void retire(Template& known, const Template::Jail& jail, TemplateJailEnd why);
  struct Last {  // of the job that a jail has had
    bool is_stopped, was_alone;
  };
  awaitable<std::optional<TemplateJailEnd>> why_retire(const Template::Jail& jail, Last last);
  awaitable<void> recycle(std::shared_ptr<Template> known, Template::Jail jail, Last last);
  std::shared_ptr<void> use_of(std::shared_ptr<Template> known);
  bool make_room(const std::string& owner, std::uint64_t bytes);
  void end(const Key& key, TemplateEnd why);
  void watch(const std::shared_ptr<Template>& known);
  std::uint64_t memory_bytes() const;

  const Parts parts_;
  const TemplateLimits limits_;
  Host host_ = {SessionJail::Forks::no, false, ""};
  Turns turns_;
  struct Entry {
    std::shared_ptr<Template> known;
    std::shared_ptr<net::steady_timer> expiry;
  };
  std::map<Key, Entry> templates_;
  std::map<Key, std::shared_ptr<Broadcast>> beginning_;  // whose first set-up runs
  bool is_closed_ = false;
  std::optional<std::string> refusal_;  // of all
};

}  // namespace pyexec
