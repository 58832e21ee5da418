// The plans that the native tests run: every kind of cell, arrays, fallbacks, and a path through another's end; records
// of variants.
#pragma once

#include <memory>

#include "json.hpp"
#include "rows.hpp"

inline std::unique_ptr<const gateway::Plan> test_plan() {
    using gateway::Kind;
    auto plan = std::make_unique<gateway::Plan>();
    plan->order_by("biosample_id");
    const auto column = [&](std::initializer_list<std::pair<const char*, Kind>> cells) {
        plan->add_column(".");
        for (const auto& [path, kind] : cells) {
            plan->add_cell(path, kind);
            if (kind != Kind::lookup) continue;
            plan->last_table().fill({{"EFO:0030067", "DEL"}, {"refseq:NC_000009.12", "9"}, {"", "%23"}});
            plan->last_table().set_default(path[0] == 't' ? "other" : "");
        }
    };
    column({{"biosample_id", Kind::text}});
    column({{"location.chromosome", Kind::text}, {"location.sequence_id", Kind::lookup}});
    column({{"location.start", Kind::integer}, {"start", Kind::integer}, {"adjoined_sequences.0.start.0", Kind::integer}});
    column({{"location.end", Kind::integer}, {"end", Kind::integer}, {"adjoined_sequences.0.end.1", Kind::integer}});
    column({{"info.cnv_value", Kind::number}, {"info", Kind::text}});
    column({{"variant_state.id", Kind::lookup}, {"type", Kind::lookup}});
    column({{"_id", Kind::text}, {"sequence", Kind::text}});
    return plan;
}

// Integers in ranges: rows are cut, and left out.
inline std::unique_ptr<const gateway::Plan> test_ranges() {
    using gateway::Kind;
    auto plan = std::make_unique<gateway::Plan>();
    plan->order_by("biosample_id");
    plan->add_column(".");
    plan->add_cell("location.sequence_id", Kind::lookup);
    plan->last_table().fill({{"refseq:NC_000009.12", "9"}});
    plan->size_table().fill({{"9", "21600000"}, {".", "8"}});
    plan->add_column(".");
    plan->add_cell("location.start", Kind::integer);
    plan->add_cell("start", Kind::position, 1);
    plan->bound({0, 1, -1, 0, false});
    plan->add_column(".");
    plan->add_cell("location.end", Kind::integer);
    plan->add_cell("end", Kind::integer);
    plan->bound({1, 0, 1, 0, true});
    return plan;
}

// Forms of documents, and values of any type, some of which make a document odd.
inline std::unique_ptr<const gateway::Plan> test_sheet() {
    using gateway::Kind;
    auto plan = std::make_unique<gateway::Plan>();
    plan->order_by("biosample_id");
    plan->ask("location", true);
    plan->ask("dates", true);
    plan->ask("reference_name", false);
    for (const char* path : {"dates", "more", "info.cnv_value", "sequence", "dates.0"}) {
        plan->add_column("");
        plan->add_cell(path, Kind::value);
        plan->add_cell(path, Kind::whole);
        plan->make_strict();
    }
    plan->add_form();
    plan->add_column(".");
    plan->add_cell("start", Kind::only_string);
    plan->add_cell("variant_type", Kind::lookup);
    plan->last_table().fill({{"DEL", "loss"}});
    plan->make_strict();
    return plan;
}

// The columns of sites, with texts that have numbers.
inline std::unique_ptr<const gateway::Plan> test_sites() {
    using gateway::Kind;
    auto plan = std::make_unique<gateway::Plan>();
    plan->order_by("biosample_id");
    const auto column = [&](const char* path, const char* other, Kind kind, bool required = false) {
        plan->add_column(".", required);
        for (const char* name : {path, other}) {
            if (*name != 0) plan->add_cell(name, kind);
            if (*name != 0 && kind == Kind::lookup)
                plan->last_table().fill({{"9", "9"}, {"refseq:NC_000009.12", "M"}, {"EFO:0030067", "DEL"}, {"DUP", "DUP"}});
        }
    };
    column("biosample_id", "", Kind::text);
    column("location.chromosome", "location.sequence_id", Kind::lookup, true);
    column("location.start", "start", Kind::position);
    column("location.end", "end", Kind::position);
    column("variant_state.id", "variant_type", Kind::lookup);
    column("reference_sequence", "", Kind::text);
    column("sequence", "", Kind::text);
    column("info.cnv_value", "", Kind::number);
    for (int partner = 0; partner < 10; ++partner) column("adjoined_sequences.0.chromosome", "", Kind::text);
    plan->join();
    plan->number(1, {"9", "M"});
    plan->number(4, {"DEL", "DUP"});
    return plan;
}

inline std::unique_ptr<const gateway::RecordPlan> test_record_plan() {
    using gateway::Make;
    auto plan = std::make_unique<gateway::RecordPlan>();
    plan->order_by("biosample_id");
    const auto part = [&](const char* text, Make make, std::initializer_list<const char*> fields) {
        plan->add_literal(text);
        plan->add(make);
        if (fields.size() > 0) plan->add_member(make == Make::known ? "\"name\":" : "");
        for (const char* const field : fields) plan->add_field(field);
    };
    part("{\"id\":", Make::value, {"variant_internal_id", "id", "_id"});
    part(",\"variation\":", Make::rest, {});
    part(",\"case\":", Make::known, {"biosample_id"});
    part(",\"information\":", Make::camel, {"info"});
    plan->add_literal("}\n");
    for (const char* const name : {"_id", "id", "biosample_id", "info"}) plan->mark(name, gateway::mark_left_out);
    plan->mark("reference_name", gateway::mark_old);
    plan->mark("location", gateway::mark_new);
    return plan;
}

inline std::unique_ptr<const gateway::Labels> test_labels() {
    auto labels = std::make_unique<gateway::Labels>();
    labels->order_by("biosample_id");
    labels->start_with("#sample=>");
    for (const char* path : {"biosample_id", "location", "location.start", "type", "more", "dates", "sequence"})
        labels->add_label(path, path, "");
    labels->add_label("terms", "adjoined_sequences", "refseq:");
    labels->group_here("group_id", "group_label");
    labels->add_group("variant_state.id", "variant_state.label");
    labels->add_group("info.cnv_value", "");
    labels->add_label("list", "adjoined_sequences.0.start", "");
    labels->add_refused("reference_name");
    return labels;
}
