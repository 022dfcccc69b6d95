"""The expressions that every origin has, as templates; what they mean is for each to say."""

from __future__ import annotations

# What is the same everywhere.
COMMON = {
    "cmp": """
        3| =
        <>
        !=
        2| <
        <=
        2| >
        >=
    """,
    "arith": """
        2| +
        2| -
        2| *
        /
        %
    """,
    "not": """
        ~
        ~NOT ~
    """,
    "direction": """
        3| ~
        ~ ASC
        3| ~ DESC
    """,
    "bool": """
        3| {int} {cmp} {int}
        2| {num} {cmp} {num}
        {float} {cmp} {float}
        {number} {cmp} {number}
        4| {text} {cmp} {text?}
        {text} {cmp} {text}
        2| {date} {cmp} {date}
        2| {ts} {cmp} {ts}
        {date} {cmp} {ts}
        {anything} {cmp} {anything}
        2| {int!} {not}IN ({int?}, {int?}, {int?})
        {num!} {not}IN ({num?}, {num?})
        {text!} {not}IN ({text?}, {text?}, {text?})
        {date!} {not}IN ({date?}, {date?})
        {number} {not}IN ({number}, {number?})
        {int} {not}BETWEEN {int?} AND {int?}
        {number} {not}BETWEEN {number?} AND {number?}
        {text!} {not}BETWEEN {text?} AND {text?}
        {ts} {not}BETWEEN {ts?} AND {ts?}
        {date} {not}BETWEEN {date?} AND {date?}
        4| {text} {not}LIKE {pattern}
        {text} {not}LIKE {escaped}
        3| {anything!} IS {not}NULL
        {anything} IS {not}NULL
        {bool} IS {not}{truth}
        4| ({bool} AND {bool})
        4| ({bool} OR {bool})
        {bool} AND {bool} OR {bool}
        2| NOT ({bool})
        NOT {bool!}
        2| {bool!}
        {bool!} = {bool?}
        CASE WHEN {bool} THEN {bool} ELSE {bool} END
        coalesce({bool}, {bool?})
    """,
    # What programs mostly ask.
    "plain_bool": """
        4| {int!} {cmp} {int?}
        {id} = {int?}
        2| {num!} {cmp} {num?}
        4| {text!} {cmp} {text?}
        2| {date!} {cmp} {date?}
        {ts!} {cmp} {ts?}
        {float!} {cmp} {float?}
        {exact!} {cmp} {exact!}
        {int!} {cmp} {int!}
        {num!} {cmp} {int!}
        {text!} {cmp} {text!}
        2| {int!} {not}IN ({int?}, {int?}, {int?})
        {text!} {not}IN ({text?}, {text?}, {text?})
        {int!} {not}BETWEEN {int?} AND {int?}
        {num!} {not}BETWEEN {num?} AND {num?}
        {date!} {not}BETWEEN {date?} AND {date?}
        2| {text!} {not}LIKE {pattern}
        2| {anything!} IS {not}NULL
        {bool!}
        {bool!} IS {not}{truth}
        {bool!} = {bool?}
        2| {list}
        2| {int!} {not}IN {int_query}
        2| {not}EXISTS {exists_query}
        {int!} {cmp} {int_scalar}
        2| {same}
        5| ({plain_bool} AND {plain_bool})
        3| ({plain_bool} OR {plain_bool})
        NOT ({plain_bool})
    """,
    "truth": """
        NULL
        TRUE
        FALSE
    """,
    "int": """
        2| ({int} + {int})
        ({int} - {int})
        2| ({int} * {int})
        ({int} / {int})
        ({int} % {int})
        -{int!}
        +{int!}
        abs({int})
        2| length({text})
        2| CASE WHEN {bool} THEN {int} ELSE {int} END
        CASE WHEN {bool} THEN {int} END
        CASE {int!} WHEN {int?} THEN {int?} WHEN {int?} THEN {int} ELSE {int?} END
        CASE {text!} WHEN {text?} THEN {int?} ELSE {int?} END
        2| coalesce({int}, {int})
        coalesce({int!}, {int?})
        nullif({int}, {int})
        cast({number} AS {int_type})
        round({int})
    """,
    "num": """
        2| ({num} + {num})
        ({num} - {num})
        2| ({num} * {num})
        ({num} * {int})
        ({num} / {num})
        ({num} % {num})
        -{num!}
        abs({num})
        round({num}, {digits})
        round({num})
        CASE WHEN {bool} THEN {num} ELSE {num} END
        coalesce({num}, {num?})
        nullif({num}, {num?})
        cast({number} AS {num_type})
    """,
    "float": """
        ({float} + {float})
        ({float} * {float})
        ({float} / {float})
        ({float} - {int})
        -{float!}
        abs({float})
        round({float})
        coalesce({float}, {float})
        CASE WHEN {bool} THEN {float} ELSE {float} END
    """,
    "number": """
        4| {int}
        3| {num}
        {float}
        ({number} {arith} {number})
        coalesce({number}, {number})
        CASE WHEN {bool} THEN {number} ELSE {number} END
        nullif({number}, {number})
    """,
    "text": """
        4| lower({text})
        4| upper({text})
        trim({text})
        ltrim({text})
        rtrim({text})
        replace({text}, {text?}, {text?})
        2| CASE WHEN {bool} THEN {text} ELSE {text} END
        CASE {int!} WHEN {int?} THEN {text?} ELSE {text} END
        2| coalesce({text}, {text})
        2| coalesce({text!}, {text?})
        nullif({text}, {text?})
        cast({anything} AS {text_type})
    """,
    "date": """
        coalesce({date}, {date})
        coalesce({date!}, {date?})
        CASE WHEN {bool} THEN {date} ELSE {date} END
        nullif({date}, {date?})
        cast({ts} AS date)
    """,
    "ts": """
        coalesce({ts}, {ts})
        CASE WHEN {bool} THEN {ts} ELSE {ts} END
        nullif({ts}, {ts?})
    """,
    "digits": """
        0
        1
        2
        -1
    """,
    "position": """
        0
        1
        2
        3
        5
        -1
        -2
    """,
    # An expression as a select item; most are plain.
    "item": """
        4| {int}
        4| {num}
        2| {float}
        5| {text}
        2| {date}
        2| {ts}
        2| {bool}
        2| {number}
        2| {anything}
        10| {anything!}
        {constant}
    """,
    "constant": """
        {int?}
        {text?}
        {num?}
        {anything?}
    """,
    # Whose equal values look the same.
    "key": """
        3| {only_int!}
        {only_num!}
        3| {only_text!}
        {date!}
        {ts!}
        {bool!}
        {exact!}
        {only_int!} {cmp} {int?}
        {only_int!} + {int?}
        CASE WHEN {bool} THEN {text?} ELSE {only_text!} END
        CASE WHEN {bool} THEN {int?} ELSE {only_int!} END
        coalesce({only_int!}, {int?})
        coalesce({only_text!}, {text?})
        length({text})
        lower({only_text!})
        upper({only_text!})
    """,
    "agg": """
        6| count(*)
        3| count({anything!})
        2| count({item})
        3| count(DISTINCT {anything!})
        count(DISTINCT {key})
        4| sum({int!})
        3| sum({num!})
        sum({float!})
        2| sum({int})
        sum({number})
        2| avg({int!})
        2| avg({num!})
        avg({number})
        avg({float!})
        sum(DISTINCT {int!})
        2| min({key!})
        2| max({key!})
        3| min({key})
        3| max({key})
        min({int})
        max({int})
        min({date!})
        max({ts!})
        2| sum(CASE WHEN {bool} THEN 1 ELSE 0 END)
        count(CASE WHEN {bool} THEN 1 END)
        2| sum(CASE WHEN {bool} THEN {num!} ELSE {num?} END)
    """,
    # An expression over aggregates.
    "summary": """
        20| {agg}
        {agg_number} {arith} {agg_number}
        coalesce({agg_number}, {int?})
        round({agg_number}, {digits})
        CASE WHEN {agg_number} > {int?} THEN {int?} ELSE {agg_number} END
        {agg_number} > {int?}
        coalesce(min({only_text!}), {text?})
        nullif(count(*), {int?})
        100 * count(*) / {agg_number}
        cast({agg_number} AS {int_type})
    """,
    "agg_number": """
        2| count(*)
        count({anything!})
        2| sum({int!})
        2| sum({num!})
        avg({int!})
        avg({num!})
        max({int!})
        min({only_num!})
        sum({float!})
    """,
    "having": """
        3| count(*) {cmp} {int?}
        {agg_number} {cmp} {agg_number}
        {agg_number} {cmp} {int?}
        2| sum({int!}) {cmp} {int?}
        min({only_text!}) {cmp} {text?}
        max({date!}) IS NOT NULL
        count(DISTINCT {key}) > {int?} OR {agg_number} IS NULL
        {agg_number} BETWEEN {int?} AND {int?}
    """,
    "window": """
        3| row_number() OVER ({partition}{total})
        2| rank() OVER ({partition}{total})
        2| rank() OVER ({partition}ORDER BY {key}{direction})
        2| dense_rank() OVER ({partition}ORDER BY {anything!}{direction})
        ntile({positive}) OVER ({partition}{total})
        2| lag({anything!}) OVER ({partition}{total})
        lag({int!}, {positive}, {int?}) OVER ({partition}{total})
        lag({text!}, 1, {text?}) OVER ({partition}{total})
        lead({anything!}) OVER ({partition}{total})
        lead({num!}, 2) OVER ({partition}{total})
        first_value({anything!}) OVER ({partition}{total})
        last_value({anything!}) OVER ({partition}{total})
        last_value({anything!}) OVER ({partition}{total} {whole})
        nth_value({anything!}, {positive}) OVER ({partition}{total})
        3| sum({int!}) OVER ({partition}{total})
        sum({num!}) OVER ({partition}{total} {frame})
        sum({int!}) OVER ({partition}{total} {frame})
        count(*) OVER ({partition}{total} {frame})
        2| count(*) OVER ({partition}ORDER BY {key}{direction})
        2| count({anything!}) OVER (PARTITION BY {anything!})
        count(*) OVER ()
        sum({num!}) OVER (PARTITION BY {key})
        sum({int!}) OVER (ORDER BY {int!}{direction})
        avg({int!}) OVER ({partition}{total})
        avg({num!}) OVER (PARTITION BY {key})
        min({key!}) OVER ({partition}{total})
        max({key!}) OVER (PARTITION BY {anything!})
        max({int!}) OVER ({partition}{total} {frame})
        percent_rank() OVER ({partition}{total})
        cume_dist() OVER ({partition}{total})
        coalesce(lag({int!}) OVER ({partition}{total}), {int?})
        {int!} - lag({int!}) OVER ({partition}{total})
        row_number() OVER ({partition}{total}) <= {positive}
    """,
    # A whole number that tells a row's place.
    "place": """
        2| row_number() OVER ({partition}{total})
        rank() OVER ({partition}{total})
        dense_rank() OVER ({partition}ORDER BY {key}{direction})
        count(*) OVER ({partition}{total})
        count({anything!}) OVER (PARTITION BY {key!})
        max({int!}) OVER (PARTITION BY {key!})
        lag({int!}) OVER ({partition}{total})
    """,
    "partition": """
        2| ~
        2| PARTITION BY {key!}{blank}
        PARTITION BY {key}{blank}
        PARTITION BY {anything!}{blank}
        PARTITION BY {key!}, {key!}{blank}
    """,
    "total": """
        2| ORDER BY {id}{direction}
        2| ORDER BY {anything!}{direction}, {id}
        ORDER BY {item}{direction}, {id}
        ORDER BY {key!}, {key!}{direction}, {id}{direction}
    """,
    "whole": """
        ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
        RANGE BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
    """,
    "blank": """
        ~ ~
    """,
    "frame": """
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING
        ROWS BETWEEN 2 PRECEDING AND CURRENT ROW
        ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING
        ROWS UNBOUNDED PRECEDING
        RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    """,
    # Of constants alone: what may be beyond its type, or an error.
    "failing": """
        3| {failing_number}
        {number}
        {text}
        {bool}
        {date}
        {ts}
    """,
    "failing_number": """
        4| ({edge?} {arith} {edge?})
        2| ({edge?} {arith} ({edge?} {arith} {edge?}))
        abs({edge?})
        abs({edge?} - {edge?})
        -({edge?} - {edge?})
        ({edge?} {arith} {num?})
        ({num?} {arith} {num?})
        ({float?} {arith} {float?})
        ({huge?} {arith} {huge?})
        cast({edge?} AS {int_type})
        cast({edge?} + {edge?} AS {int_type})
        cast({num?} AS {num_type})
        coalesce({edge?}, {edge?} {arith} {edge?})
        CASE WHEN {edge?} > {edge?} THEN {edge?} {arith} {edge?} ELSE {edge?} END
        {int}
    """,
    "positive": """
        3| 1
        2
        3
        5
    """,
}

# Sorts that serve as another.
LEAVES = {
    "number": ("int", "int", "num", "float", "loose_num", "loose_float"),
    "num": ("num", "num", "loose_num"),
    "float": ("float", "float", "loose_float"),
    "text": ("text", "text", "loose_text"),
    "int": ("int", "int", "int", "id"),
    "only_int": ("int",),
    "only_num": ("num",),
    "only_text": ("text",),
    "key": ("int", "num", "text", "date", "ts", "bool", "exact"),
}

PATTERNS = (
    "'a%'",
    "'%a%'",
    "'%A'",
    "'_'",
    "'a_%'",
    "'%'",
    "''",
    "'%é%'",
    "'E%'",
    "'%ss'",
    "'100\\%'",
    "'a'",
    "'% '",
)
ESCAPED = (
    "'100!%' ESCAPE '!'",
    "'%!_%' ESCAPE '!'",
    "'a!%%' ESCAPE '!'",
    "'x%' ESCAPE 'x'",
    "'!!%' ESCAPE '!'",
)
