#include "server/workers/zygotes.h"

#include <system_error>

namespace pyexec {
namespace {

constexpr std::chrono::seconds kAfterFailure{60};

}  // namespace

Zygotes::Zygotes(Host host, const ZygoteLife& life, std::uint64_t pool_workers, Events events)
    : host_(std::move(host)),
      life_(life),
      pool_workers_(pool_workers),
      events_(std::move(events)) {}

const std::optional<Hello>& Zygotes::hello() const {
  static const std::optional<Hello> none;
  return current_ ? current_->hello : none;
}

void Zygotes::start() {
  if (!current_) current_ = begin(Metrics::Replaced::lost);
}

Zygotes::Handle Zygotes::begin(Metrics::Replaced why) {
  auto zygote = std::make_shared<Zygote>(host_.executor);
  zygote->why = why;
  zygote->since = Clock::now();
  ++starts_;
  // Weak, so that a zygote is not kept alive by its own client.
  const std::weak_ptr<Zygote> weak = zygote;
  const auto alive = [weak](auto action) {
    return [weak, action](const auto&... what) {
      if (const Handle self = weak.lock()) action(self, what...);
    };
  };
  zygote->client = ZygoteClient::start(
      host_.executor, host_.launcher, host_.tenant,
      {.on_hello = alive([this](const Handle& self, const Hello& hello) { is_warm(self, hello); }),
       .on_worker = events_.on_worker,
       .on_spawn_failed = alive([this](const Handle& self, const SpawnFailed& failed) {
         events_.on_spawn_failed(failed);
         is_gone(self, failed.worker_id);
       }),
       .on_exited = events_.on_exited,
       .on_jail_lost = [this](const JailLost& lost) { host_.telemetry.metrics.count(lost.why); },
       .on_group_state = events_.on_group_state,
       .on_unknown =
           [this] {
             host_.telemetry.log.warn("the zygote sent a message this server does not know");
           },
       .on_lost = alive([this](const Handle& self) { is_lost(self); })});
  limit_warming(zygote);
  return zygote;
}

// Ends a zygote that is not warm in time. The service would wait for one that hangs as long as it
// runs.
void Zygotes::limit_warming(const Handle& zygote) {
  zygote->patience.expires_after(life_.start);
  zygote->patience.async_wait([this, weak = std::weak_ptr(zygote)](error_code error) {
    const Handle late = weak.lock();
    if (error || !late || late->hello) return;
    host_.telemetry.log.warn("a zygote was not warm within " + std::to_string(life_.start.count()) +
                             " ms");
    host_.launcher.end_zygote(late->client->number());
    late->client->give_up();
  });
}

// Age counts once the zygote has made more workers than the full pool holds: nobody can learn
// anything from workers that were never leased.
std::optional<Metrics::Replaced> Zygotes::due() const {
  using std::chrono::minutes;
  if (life_.workers > 0 && current_->made >= life_.workers + pool_workers_)
    return Metrics::Replaced::jobs;
  if (life_.age.count() > 0 && current_->made > pool_workers_ &&
      Clock::now() >= current_->since + life_.age)
    return Metrics::Replaced::age;
  return std::nullopt;
}

void Zygotes::consider_replacing() {
  if (successor_ || !hello() || Clock::now() < next_try_) return;
  const auto why = due();
  if (!why) return;
  try {
    successor_ = begin(*why);
  } catch (const std::system_error& error) {
    host_.telemetry.log.warn(std::string("the next zygote cannot be started: ") + error.what());
    next_try_ = Clock::now() + kAfterFailure;
  }
}

void Zygotes::spawn(std::uint32_t worker_id, const Readiness& readiness) {
  current_->workers.insert(worker_id);
  ++current_->made;
  current_->client->spawn(worker_id, readiness);
}

void Zygotes::look_at_group(std::uint32_t worker_id) {
  if (current_ && current_->workers.contains(worker_id))
    return current_->client->look_at_group(worker_id);
  for (const Handle& zygote : retiring_)
    if (zygote->workers.contains(worker_id)) return zygote->client->look_at_group(worker_id);
}

void Zygotes::release(std::uint32_t worker_id) {
  if (current_ && current_->workers.erase(worker_id) > 0) return;
  for (const Handle& zygote : retiring_)
    if (zygote->workers.contains(worker_id)) return is_gone(Handle(zygote), worker_id);
}

void Zygotes::is_warm(const Handle& zygote, const Hello& hello) {
  zygote->hello = hello;
  zygote->patience.cancel();
  if (zygote == successor_) {
    host_.telemetry.metrics.count_zygote_replaced(zygote->why);
    const Handle before = std::exchange(current_, std::exchange(successor_, nullptr));
    if (before) {
      retiring_.insert(before);
      close_if_empty(before);
    }
  }
  if (zygote == current_) events_.on_ready();
}

void Zygotes::is_gone(const Handle& zygote, std::uint32_t worker_id) {
  zygote->workers.erase(worker_id);
  close_if_empty(zygote);
}

void Zygotes::close_if_empty(const Handle& zygote) {
  if (!zygote->workers.empty() || retiring_.erase(zygote) == 0) return;
  zygote->client->close();
}

void Zygotes::is_lost(const Handle& zygote) {
  if (zygote == successor_) {
    host_.telemetry.log.warn("the next zygote ended before it was warm");
    successor_.reset();
    next_try_ = Clock::now() + kAfterFailure;
    return;
  }
  const bool was_current = zygote == current_;
  retiring_.erase(zygote);
  if (was_current) {
    if (zygote->hello) host_.telemetry.metrics.count_zygote_replaced(Metrics::Replaced::lost);
    // Its successor may be starting already.
    current_ = std::exchange(successor_, nullptr);
  }
  events_.on_lost(zygote->workers, was_current ? Events::Was::current : Events::Was::other);
}

void Zygotes::close() {
  for (const Handle& zygote : {current_, successor_})
    if (zygote) zygote->client->close();
  for (const Handle& zygote : retiring_) zygote->client->close();
}

}  // namespace pyexec
