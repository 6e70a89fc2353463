#include "server/docs/told.h"

namespace pyexec {
namespace {

constexpr std::string_view kText = R"("type": "string")";
constexpr std::string_view kCount = R"("type": "integer", "minimum": 0)";
constexpr std::string_view kCountOrNull = R"("type": ["integer", "null"], "minimum": 0)";
constexpr std::string_view kMs = R"("type": "number", "minimum": 0)";
constexpr std::string_view kYes = R"("const": true)";
constexpr std::string_view kBoolean = R"("type": "boolean")";
constexpr std::string_view kFiles =
    R"("type": "object", "additionalProperties": {"$ref": "#/components/schemas/ReturnedFile"})";
constexpr std::string_view kDetailOrNull =
    R"("oneOf": [{"$ref": "#/components/schemas/ErrorDetail"}, {"type": "null"}])";
constexpr std::string_view kOutcome = R"("$ref": "#/components/schemas/Outcome")";
constexpr std::string_view kUsage = R"("$ref": "#/components/schemas/Usage")";
constexpr std::string_view kLimits = R"("$ref": "#/components/schemas/Limits")";
constexpr std::string_view kStatus = R"("type": "integer", "minimum": 200, "maximum": 599)";

constexpr ToldMember kResult[] = {
    {"result", R"("description": "what `main()` returned: any JSON value")"},
};
constexpr ToldMember kError[] = {{"error", kText}};
constexpr ToldMember kDetail[] = {{"error_detail", kDetailOrNull}};
constexpr ToldMember kPrinted[] = {{"text", kText}};
constexpr ToldMember kFileMembers[] = {{"files", kFiles}};
constexpr ToldMember kOfJob[] = {
    {"stdout", kText},
    {"stdout_truncated", kYes, There::sometimes},
    {"stderr", kText, There::sometimes},
    {"stderr_truncated", kYes, There::sometimes},
    {"error_detail", kDetailOrNull, There::sometimes},
    {"usage", kUsage, There::sometimes},
    {"limits", kLimits, There::sometimes},
    {"files", kFiles, There::sometimes},
};
constexpr ToldMember kVerboseOutcome[] = {{"outcome", kOutcome, There::sometimes}};
constexpr ToldMember kEntry[] = {
    {"index", kCount},
    {"id", R"("type": ["string", "integer", "null"])"},
    {"status", kStatus},
};
constexpr ToldMember kDelivery[] = {
    {"message_id", R"("type": "string", "description": "as the queue calls it")"},
    {"status", kStatus},
};
constexpr ToldMember kIsFirst[] = {{"duplicate", R"("const": false)"}};
constexpr ToldMember kIsDuplicate[] = {
    {"duplicate", R"("const": true, "description": "it was run before, and not again")"},
    {"outcome", kOutcome},
};
constexpr ToldMember kReturned[] = {
    {"outcome", R"("const": "ok")"},
    {"result", R"("description": "what `main()` returned: any JSON value")"},
};
constexpr ToldMember kFailed[] = {
    {"outcome",
     R"("$ref": "#/components/schemas/Outcome", "not": {"enum": ["ok", "invalid_request", "busy"]})"},
    {"error", kText}};
constexpr ToldMember kRefused[] = {{"outcome", R"("enum": ["invalid_request", "busy"])"},
                                   {"error", kText}};
constexpr ToldMember kEnd[] = {
    {"outcome", kOutcome},
    {"status", kStatus},
    {"stdout_truncated", kYes, There::sometimes},
    {"stderr_truncated", kYes, There::sometimes},
    {"usage", kUsage},
    {"limits", kLimits},
};
constexpr ToldMember kUsageMembers[] = {
    {"queue_ms", kMs},
    {"run_ms", kMs},
    {"total_ms", kMs},
    {"cpu_ms", R"("type": ["number", "null"], "minimum": 0)"},
    {"peak_memory_bytes", kCountOrNull},
    {"exit_code", R"("type": ["integer", "null"])"},
    {"signal", R"("type": ["string", "null"], "examples": ["SIGKILL"])"},
};
constexpr ToldMember kLimitMembers[] = {
    {"timeout_ms", kCount},
    {"memory_mb", kCount},
    {"output_bytes", kCount},
};
constexpr ToldMember kDetailMembers[] = {
    {"type", R"("type": "string", "examples": ["ValueError"])"},
    {"message", kText},
    {"line", kCountOrNull},
    {"column", kCountOrNull},
    {"traceback", kText},
    {"source", R"("type": "string", "description": "the lines around it")"},
    {"source_start_line", R"("type": ["integer", "null"], "description": "the first of them")"},
};
constexpr ToldMember kFileDescription[] = {
    {"base64", R"("type": "string", "contentEncoding": "base64")"},
    {"size", R"("type": "integer", "minimum": 0, "description": "in bytes")"},
    {"media_type", kText},
};
constexpr ToldMember kProgress[] = {{"progress", R"("$ref": "#/components/schemas/Counts")"}};
constexpr ToldMember kCounts[] = {
    {"read", kCount}, {"running", kCount}, {"done", kCount}, {"failed", kCount}};
constexpr ToldMember kHealth[] = {
    {"status", R"("enum": ["healthy", "unavailable", "draining"])"},
    {"isolation", R"("$ref": "#/components/schemas/Isolation")"},
    {"pool", R"("$ref": "#/components/schemas/Pool")"},
    {"versions", R"("$ref": "#/components/schemas/Versions")"},
};
constexpr ToldMember kIsolation[] = {
    {"level", R"("type": "integer", "minimum": 0, "maximum": 4)"},
    {"name", R"("type": "string", "examples": ["namespaced"])"},
    {"jail", R"("type": ["string", "null"], "description": "which jail, of those of a level")"},
    {"platform", R"("type": "string", "examples": ["bare", "docker"])"},
    {"features", R"("$ref": "#/components/schemas/Features")"},
    {"selftest", R"("$ref": "#/components/schemas/SelfTest")"},
};
constexpr ToldMember kFeatures[] = {{"threads", kBoolean},         {"subprocess", kBoolean},
                                    {"multiprocessing", kBoolean}, {"scratch", kBoolean},
                                    {"private_tmp", kBoolean},     {"file_locks", kBoolean},
                                    {"sessions", kBoolean}};
constexpr ToldMember kSelfTest[] = {{"run", kCount}, {"blocked", kCount}};
constexpr ToldMember kPool[] = {
    {"target", kCount},  {"ready", kCount},         {"starting", kCount},       {"running", kCount},
    {"waiting", kCount}, {"zygote_starts", kCount}, {"worker_failures", kCount}};
constexpr ToldMember kVersions[] = {{"pyexec", kText},
                                    {"python", kText, There::sometimes},
                                    {"numpy", kText, There::sometimes},
                                    {"pandas", kText, There::sometimes}};
constexpr ToldMember kAlive[] = {{"status", R"("enum": ["ok", "unavailable"])"}};

// Of what a verbose answer has beside, there is all or nothing.
constexpr std::string_view kAllOfVerbose =
    R"({"stderr": ["error_detail"], "error_detail": ["usage"],)"
    R"("usage": ["limits"], "limits": ["outcome"], "outcome": ["stderr"],)"
    R"("stderr_truncated": ["stderr"]})";
constexpr std::string_view kAllOfVerboseEntry =
    R"({"stderr": ["error_detail"], "error_detail": ["usage"],)"
    R"("usage": ["limits"], "limits": ["stderr"], "stderr_truncated": ["stderr"]})";

constexpr Shape kShapes[] = {
    {"Result", "`main()` returned", {kResult, kOfJob, kVerboseOutcome}, kAllOfVerbose},
    {"Failure", "a job that did not come so far", {kError, kOfJob, kVerboseOutcome}, kAllOfVerbose},
    {"Error", "there was no job", {kError}},
    {"BatchResult",
     "of a line: `main()` returned",
     {kEntry, kReturned, kOfJob},
     kAllOfVerboseEntry},
    {"BatchFailure", "of a line: a failure", {kEntry, kFailed, kOfJob}, kAllOfVerboseEntry},
    {"BatchRefusal", "of a line that became no job", {kEntry, kRefused}},
    {"DeliveryResult",
     "of a message of a queue: `main()` returned",
     {kDelivery, kIsFirst, kReturned, kOfJob},
     kAllOfVerboseEntry},
    {"DeliveryFailure",
     "of a message of a queue: a failure, which would be the same again",
     {kDelivery, kIsFirst, kFailed, kOfJob},
     kAllOfVerboseEntry},
    {"DeliveryDuplicate", "of a message of a queue", {kDelivery, kIsDuplicate}},
    {"Progress", "a line that belongs to no job, at any place", {kProgress}},
    {"Counts", "of the lines of a batch", {kCounts}},
    {"Usage", "what the job took, beyond a worker that waits", {kUsageMembers}},
    {"Limits", "of this job", {kLimitMembers}},
    {"ErrorDetail", "what the script says of its failure", {kDetailMembers}},
    {"ReturnedFile", "its name is the member's", {kFileDescription}},
    {"Health", "`unavailable` while no worker can be made, `draining` after SIGTERM", {kHealth}},
    {"Isolation", "the jail that every job is in", {kIsolation}},
    {"Features", "what scripts can do in this jail", {kFeatures}},
    {"SelfTest", "attacks of a worker on its own jail, before the port opened", {kSelfTest}},
    {"Pool", "workers by state", {kPool}},
    {"Versions",
     "of what scripts find; of pyexec alone while no worker can be made",
     {kVersions},
     R"({"python": ["numpy"], "numpy": ["pandas"], "pandas": ["python"]})"},
    {"Alive", "whether the process can do its work", {kAlive}},
};

constexpr ToldEvent kEvents[] = {
    {"stdout", "something was printed; as it comes", {kPrinted}},
    {"stderr", "the same, to standard error", {kPrinted}},
    {"result", "`main()` returned", {kResult}},
    {"error", "it did not, or something ended the job", {kError, kDetail}},
    {"files", "if `return_files` was asked for", {kFileMembers}},
    {"end", "always, and last", {kEnd}},
};

constexpr unsigned kOwnStatuses[] = {
#define X(name, status, when) status,
    PYEXEC_OUTCOMES(X)
#undef X
};
constexpr unsigned kRefusals[] = {400, 405, 413, 415};
static_assert(kRefusals[0] == kOwnStatuses[static_cast<std::size_t>(OutcomeKind::invalid_request)]);

constexpr std::string_view kResultBody[] = {"Result"}, kFailureBody[] = {"Failure"},
                           kErrorBody[] = {"Error"}, kEitherBody[] = {"Failure", "Error"};

}  // namespace

std::span<const Shape> told_shapes() {
  return kShapes;
}
std::span<const ToldEvent> told_events() {
  return kEvents;
}

ToldOutcome told_outcome(OutcomeKind kind) {
  const std::span<const unsigned> own(&kOwnStatuses[static_cast<std::size_t>(kind)], 1);
  switch (kind) {
    case OutcomeKind::ok:
      return {own, kResultBody, "`result`, `stdout`"};
    case OutcomeKind::invalid_request:
      return {kRefusals, kErrorBody, "`error`"};
    case OutcomeKind::unauthorized:
    case OutcomeKind::busy:
    case OutcomeKind::rate_limited:
      return {own, kErrorBody, "`error`"};
    case OutcomeKind::internal:
      return {own, kEitherBody, "`error`, maybe `stdout`"};
    default:
      return {own, kFailureBody, "`error`, `stdout`"};
  }
}

}  // namespace pyexec
