// What HTTP's requests to engines are written with.
#pragma once

#include <string>
#include <string_view>

#include "export/verdict.h"
#include "net/client.h"

namespace sightglass::exporting {

// Packs with gzip into `out`. False when there is no memory for it.
bool pack(std::string_view in, std::string& out);
// For a part of a query string: all but letters, digits and -_.~ as %XX.
std::string percent_encoded(std::string_view text);
std::string base64(std::string_view in);
// "Authorization: Basic …" with its CRLF; empty without a name.
std::string basic_authorization(const std::string& username, const std::string& password);
Reason reason_of(net::CallError error);
// What a status says that has the same meaning for every engine.
Reason reason_of_status(int status);
// Of a Retry-After in seconds, an hour at most; 0: none is asked for.
Nanos pause_asked(std::string_view retry_after);

}  // namespace sightglass::exporting
