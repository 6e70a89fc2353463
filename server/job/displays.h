// What jobs show: plots, tables, pictures. Pure.
#pragma once

#include "server/job/outcome.h"
#include "server/json/object_writer.h"

namespace pyexec {

// Checks what a worker has told. Fills `displays` of the outcome: only media types of the table,
// text as valid UTF-8, within the limits of `options`; and `displays_truncated`. Leaves out what is
// not so.
void take_displays(const std::vector<NamedBytes>& entries, const ReportOptions& options,
                   Outcome& outcome);

// Returns whether data of this media type is text, and stands in JSON as it is.
bool is_text_display(std::string_view media_type);

// Adds `displays`, and `displays_truncated` if more was shown.
void add_displays(ObjectWriter& members, const Outcome& outcome);

}  // namespace pyexec
