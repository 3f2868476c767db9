// What PostgreSQL's error codes mean for somebody who wants to write there.
// Source: PostgreSQL 15 documentation, appendix A, "PostgreSQL Error Codes".
#pragma once

#include <string>
#include <string_view>

#include "export/verdict.h"

namespace sightglass::exporting {

// kRejected is the one that sending again unchanged does not mend; what is a matter of settings or
// rights is mended by somebody there, the rest by waiting.
Reason reason_of_sqlstate(std::string_view code);

// Five capital letters and digits: it may be shown.
bool is_sqlstate(std::string_view text);

// The code at the end of a message of libpq that was made with PQERRORS_SQLSTATE, as in
// "FATAL:  28P01". Empty where there is none.
std::string sqlstate_in(std::string_view message);

// As reason_sentence(), in the words of PostgreSQL.
std::string_view postgres_sentence(Reason reason);

}  // namespace sightglass::exporting
