#include "store/duckdb_functions.h"

#include <duckdb.h>

#include "base/distinct_set.h"
#include "store/value_histogram.h"

namespace sightglass::store::duck {
namespace {

bool is_set(const std::uint64_t* validity, idx_t row) {
  return validity == nullptr || (validity[row / 64] >> (row % 64) & 1) != 0;
}

event::Value value_at(void* data, duckdb_type type, idx_t row) {
  switch (type) {
    case DUCKDB_TYPE_BOOLEAN:
      return event::Value::boolean(static_cast<bool*>(data)[row]);
    case DUCKDB_TYPE_BIGINT:
      return event::Value::integer(static_cast<std::int64_t*>(data)[row]);
    case DUCKDB_TYPE_DOUBLE:
      return event::Value::number(static_cast<double*>(data)[row]);
    case DUCKDB_TYPE_VARCHAR: {
      auto& text = static_cast<duckdb_string_t*>(data)[row];
      return event::Value::text({duckdb_string_t_data(&text), duckdb_string_t_length(text)});
    }
    default:
      return {};
  }
}

// What one state of an aggregate holds: the sketch, made with its first value.
template <typename Sketch>
struct State {
  Sketch* sketch;
  std::size_t counted_bytes;  // of the sketch, towards the query's bound
};

void add_value(ValueHistogram& sketch, void* data, idx_t row) {
  sketch.add(static_cast<double*>(data)[row]);
}
void add_value(DistinctSet& sketch, void* data, idx_t row) {
  auto& text = static_cast<duckdb_string_t*>(data)[row];
  sketch.add(fingerprint({duckdb_string_t_data(&text), duckdb_string_t_length(text)}));
}

}  // namespace

struct Calls {
  static void holds(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output) {
    auto& self = *static_cast<Functions*>(duckdb_scalar_function_get_extra_info(info));
    const auto rows = duckdb_data_chunk_get_size(input);
    const auto numbers = duckdb_data_chunk_get_vector(input, 0);
    const auto values = duckdb_data_chunk_get_vector(input, 1);
    auto logical = duckdb_vector_get_column_type(values);
    const auto type = duckdb_get_type_id(logical);
    duckdb_destroy_logical_type(&logical);
    const auto* const which = static_cast<std::int64_t*>(duckdb_vector_get_data(numbers));
    auto* const data = duckdb_vector_get_data(values);
    const auto* const validity = duckdb_vector_get_validity(values);
    auto* const out = static_cast<bool*>(duckdb_vector_get_data(output));
    for (idx_t row = 0; row < rows; ++row) {
      const auto at = static_cast<std::size_t>(which[row]);
      out[row] =
          at < self.predicates_.size() &&
          self.predicates_[at](is_set(validity, row) ? value_at(data, type, row) : event::Value());
    }
  }

  static void bucket(duckdb_function_info, duckdb_data_chunk input, duckdb_vector output) {
    const auto values = duckdb_data_chunk_get_vector(input, 0);
    const auto* const data = static_cast<double*>(duckdb_vector_get_data(values));
    auto* const out = static_cast<double*>(duckdb_vector_get_data(output));
    const auto rows = duckdb_data_chunk_get_size(input);
    for (idx_t row = 0; row < rows; ++row) out[row] = bucket_of(data[row]);
  }

  template <typename Sketch>
  static idx_t size(duckdb_function_info) {
    return sizeof(State<Sketch>);
  }
  template <typename Sketch>
  static State<Sketch>& state(duckdb_aggregate_state state) {
    return *reinterpret_cast<State<Sketch>*>(state);
  }
  template <typename Sketch>
  static void init(duckdb_function_info, duckdb_aggregate_state made) {
    state<Sketch>(made) = {nullptr, 0};
  }
  template <typename Sketch>
  static void destroy(duckdb_aggregate_state* states, idx_t count) {
    for (idx_t i = 0; i < count; ++i) {
      delete state<Sketch>(states[i]).sketch;
      state<Sketch>(states[i]).sketch = nullptr;
    }
  }

  template <typename Sketch>
  static bool within_bound(duckdb_function_info info, State<Sketch>& at) {
    auto& self = *static_cast<Functions*>(duckdb_aggregate_function_get_extra_info(info));
    const auto now = sizeof(Sketch) + at.sketch->memory_bytes();
    self.sketch_bytes_ += now - at.counted_bytes;
    at.counted_bytes = now;
    if (self.sketch_bytes_ <= self.limit_bytes_) return true;
    self.too_large_ = true;
    duckdb_aggregate_function_set_error(info, "the sketches take too much memory");
    return false;
  }

  template <typename Sketch>
  static void update(duckdb_function_info info, duckdb_data_chunk input,
                     duckdb_aggregate_state* states) {
    const auto rows = duckdb_data_chunk_get_size(input);
    const auto values = duckdb_data_chunk_get_vector(input, 0);
    auto* const data = duckdb_vector_get_data(values);
    const auto* const validity = duckdb_vector_get_validity(values);
    for (idx_t row = 0; row < rows; ++row) {
      if (!is_set(validity, row)) continue;
      auto& at = state<Sketch>(states[row]);
      if (at.sketch == nullptr) at.sketch = new Sketch;
      add_value(*at.sketch, data, row);
      if (!within_bound(info, at)) return;
    }
  }

  template <typename Sketch>
  static void combine(duckdb_function_info info, duckdb_aggregate_state* from,
                      duckdb_aggregate_state* into, idx_t count) {
    for (idx_t i = 0; i < count; ++i) {
      const auto& source = state<Sketch>(from[i]);
      auto& target = state<Sketch>(into[i]);
      if (source.sketch == nullptr) continue;
      if (target.sketch == nullptr) target.sketch = new Sketch;
      target.sketch->merge(*source.sketch);
      if (!within_bound(info, target)) return;
    }
  }

  template <typename Sketch>
  static void finalize(duckdb_function_info, duckdb_aggregate_state* from, duckdb_vector result,
                       idx_t count, idx_t offset) {
    duckdb_vector_ensure_validity_writable(result);
    std::string bytes;
    for (idx_t i = 0; i < count; ++i) {
      const auto* const sketch = state<Sketch>(from[i]).sketch;
      if (sketch == nullptr) {
        duckdb_validity_set_row_invalid(duckdb_vector_get_validity(result), offset + i);
        continue;
      }
      bytes.clear();
      ByteWriter writer(bytes);
      sketch->save(writer);
      duckdb_vector_assign_string_element_len(result, offset + i, bytes.data(), bytes.size());
    }
  }

  static bool add_holds(Functions& self, duckdb_connection connection, duckdb_type type) {
    auto function = duckdb_create_scalar_function();
    auto number = duckdb_create_logical_type(DUCKDB_TYPE_BIGINT);
    auto value = duckdb_create_logical_type(type);
    auto boolean = duckdb_create_logical_type(DUCKDB_TYPE_BOOLEAN);
    const char* const name = type == DUCKDB_TYPE_BOOLEAN  ? "sg_holds_boolean"
                             : type == DUCKDB_TYPE_BIGINT ? "sg_holds_bigint"
                             : type == DUCKDB_TYPE_DOUBLE ? "sg_holds_double"
                                                          : "sg_holds_varchar";
    duckdb_scalar_function_set_name(function, name);
    duckdb_scalar_function_add_parameter(function, number);
    duckdb_scalar_function_add_parameter(function, value);
    duckdb_scalar_function_set_return_type(function, boolean);
    duckdb_scalar_function_set_special_handling(function);  // a null is asked about, too
    duckdb_scalar_function_set_extra_info(function, &self, nullptr);
    duckdb_scalar_function_set_function(function, holds);
    const bool ok = duckdb_register_scalar_function(connection, function) == DuckDBSuccess;
    for (auto* logical : {&number, &value, &boolean}) duckdb_destroy_logical_type(logical);
    duckdb_destroy_scalar_function(&function);
    return ok;
  }

  static bool add_bucket(duckdb_connection connection) {
    auto function = duckdb_create_scalar_function();
    auto number = duckdb_create_logical_type(DUCKDB_TYPE_DOUBLE);
    duckdb_scalar_function_set_name(function, "sg_bucket");
    duckdb_scalar_function_add_parameter(function, number);
    duckdb_scalar_function_set_return_type(function, number);
    duckdb_scalar_function_set_function(function, bucket);
    const bool ok = duckdb_register_scalar_function(connection, function) == DuckDBSuccess;
    duckdb_destroy_logical_type(&number);
    duckdb_destroy_scalar_function(&function);
    return ok;
  }

  template <typename Sketch>
  static bool add_sketch(Functions& self, duckdb_connection connection, const char* name,
                         duckdb_type type) {
    auto function = duckdb_create_aggregate_function();
    auto value = duckdb_create_logical_type(type);
    auto blob = duckdb_create_logical_type(DUCKDB_TYPE_BLOB);
    duckdb_aggregate_function_set_name(function, name);
    duckdb_aggregate_function_add_parameter(function, value);
    duckdb_aggregate_function_set_return_type(function, blob);
    duckdb_aggregate_function_set_special_handling(function);
    duckdb_aggregate_function_set_extra_info(function, &self, nullptr);
    duckdb_aggregate_function_set_functions(function, size<Sketch>, init<Sketch>, update<Sketch>,
                                            combine<Sketch>, finalize<Sketch>);
    duckdb_aggregate_function_set_destructor(function, destroy<Sketch>);
    const bool ok = duckdb_register_aggregate_function(connection, function) == DuckDBSuccess;
    duckdb_destroy_logical_type(&value);
    duckdb_destroy_logical_type(&blob);
    duckdb_destroy_aggregate_function(&function);
    return ok;
  }
};

// The database is in memory and one connection's functions are all connections': a second adding
// would be refused as a name taken twice.
Status Functions::add_to(Connection& connection) {
  auto* const handle = connection.handle();
  bool ok = Calls::add_bucket(handle);
  for (const auto type :
       {DUCKDB_TYPE_BOOLEAN, DUCKDB_TYPE_BIGINT, DUCKDB_TYPE_DOUBLE, DUCKDB_TYPE_VARCHAR}) {
    ok = ok && Calls::add_holds(*this, handle, type);
  }
  ok = ok && Calls::add_sketch<ValueHistogram>(*this, handle, "sg_sketch", DUCKDB_TYPE_DOUBLE) &&
       Calls::add_sketch<DistinctSet>(*this, handle, "sg_distinct", DUCKDB_TYPE_VARCHAR);
  if (ok) return {};
  return fail(Code::kInternal, "the query engine did not take our functions");
}

void Functions::begin(std::vector<Predicate> predicates) {
  predicates_ = std::move(predicates);
  sketch_bytes_ = 0;
  too_large_ = false;
}

}  // namespace sightglass::store::duck
