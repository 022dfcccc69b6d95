"""What SQLite computes beside the rest: templates, see `sqlmem.testing.productions`."""

from __future__ import annotations

EXPRESSIONS = {
    "bool": """
        {text} {not}GLOB {glob}
        {anything!} IS {not}{anything!}
        {int} IS {int?}
        {int} IS {not}DISTINCT FROM {int}
        {text} {cmp} {int}
        {int} {cmp} {text?}
        {float!} = {text?}
        {bool!} {cmp} {int?}
        {loose_any} {cmp} {anything?}
        {loose_any} {cmp} {loose_any}
        {bytes} {cmp} {bytes}
        {bytes} {cmp} {text}
        {text!} = {text?} COLLATE NOCASE
        {text!} {cmp} {text!} COLLATE RTRIM
        {json_key} IS NULL
        2| {int} {not}IN {int_query}
        {text} {not}IN {text_query}
        2| {same}
        {num} {not}IN {num_query}
        2| {not}EXISTS {exists_query}
        {int} {cmp} {int_scalar}
        {text} {cmp} {text_scalar}
        2| {list}
        {int!} IN ({int}, {int})
        {text!} IN ({int?}, {text?})
        ({int!}, {text!}) = ({int?}, {text?})
        {int!} == {int?}
        {int}
        {text} NOTNULL
        {int!} ISNULL
        json_valid({json})
    """,
    "failing": """
        substr({text?}, {edge?}, {edge?})
        json({text?})
        json_extract({text?}, '$.a')
        {text?} -> '$.a'
        {text?} LIKE {text?} ESCAPE {text?}
        hex(zeroblob({edge?} & 7))
        char({edge?})
        printf('%d', {edge?})
        date({text?})
    """,
    "failing_number": """
        abs(-9223372036854775808)
        abs(-9223372036854775807 - {edge?})
        ({edge?} << {edge?})
        length(json({text?}))
        json_array_length({text?})
        round({num?}, {edge?})
        sum({edge?})
    """,
    "glob": """
        ~'a*'
        ~'[A-Z]*'
        ~'*e'
        ~'?'
    """,
    "int": """
        instr({text}, {text?})
        unicode({text})
        sign({number})
        max({int}, {int})
        min({int}, {int?})
        ({int} & {int})
        ({int} | {int?})
        ~ {int!}
        ({int} << 1)
        ({int} >> {position})
        cast({text!} AS integer)
        cast({float} AS integer)
        ifnull({int}, {int?})
        iif({bool}, {int}, {int})
        {bool!} + 1
        ({text!} + 0)
        cast(strftime({format}, {date}) AS integer)
        strftime('%s', {ts}) + 0
        json_extract({json}, '$.a')
        json_array_length({json})
        {int_scalar}
        length({bytes})
        length({anything!})
        ({int!} = {int?}) + ({text!} = {text?})
        round({num})
        total_changes() * 0
    """,
    "num": """
        floor({num})
        ceil({num})
        trunc({num})
        round({num} / 3, {digits})
        power({num}, 2)
        sqrt({num})
        mod({num}, {num})
        max({num}, {num})
        min({num}, {int})
        ({int} / {num})
        ({int} * 1.0 / {int})
        ifnull({num}, {num?})
        iif({bool}, {num}, {num?})
        cast({text!} AS real)
        {num_scalar}
        julianday({date})
        exp({num!} / 100)
        ln({num})
    """,
    "float": """
        sqrt({int})
        power({float}, 2)
        floor({float})
        cast({int} AS real)
        max({float}, {float})
        ifnull({float}, {float?})
        ({float} - {float!})
        sin({float})
        degrees({float})
        julianday({ts}) - julianday({date})
    """,
    "text": """
        2| ({text} || {text})
        ({text} || {int})
        ({text} || {num})
        2| substr({text}, {position}, 2)
        2| substr({text}, {position})
        substring({text}, 2, 3)
        trim({text}, 'a')
        ltrim({text}, 'a')
        rtrim({text}, 'e ')
        printf('%05d', {int})
        printf('%.2f', {num})
        format('%s', {text})
        hex({text})
        hex({bytes})
        quote({anything!})
        typeof({anything})
        typeof({number})
        char({int!})
        strftime({format}, {ts})
        strftime({format}, {date})
        time({ts})
        ifnull({text}, {text?})
        iif({bool}, {text}, {text?})
        json_extract({json}, '$.b')
        {json_key}
        json_type({json})
        max({text}, {text})
        min({text}, {text})
        {text} COLLATE NOCASE
        {text_scalar}
        upper({text}) || lower({text})
        cast({bytes} AS text)
        cast({date} AS text)
        {bytes!}
        {loose_any!}
        max({anything!}, {anything!})
        coalesce({anything!}, {anything!}, {anything?})
    """,
    "date": """
        date({ts})
        date({date})
        date({date}, '+1 day')
        date({date}, 'start of month')
        date({date}, '-1 month', 'weekday 0')
        date({ts}, 'unixepoch')
        ifnull({date}, {date?})
        max({date}, {date})
    """,
    "ts": """
        datetime({ts})
        datetime({date})
        datetime({ts}, '+1 hour')
        datetime({ts}, 'start of day')
        strftime('%Y-%m-%d %H:%M:%f', {ts})
        min({ts}, {ts})
    """,
    "format": """
        ~'%Y'
        ~'%m'
        ~'%Y-%m'
        ~'%d'
        ~'%j'
        ~'%w'
        ~'%H:%M'
    """,
    "json_key": """
        ({json} -> 'a')
        ({json} ->> 'b')
        ({json} ->> '$.a')
        json_extract({json}, '$.b[0]')
    """,
    "int_type": """
        integer
        bigint
    """,
    "num_type": """
        numeric
        real
        decimal(10,2)
    """,
    "text_type": """
        text
        varchar(4)
        blob
    """,
    "item": """
        {json_key}
        {bytes!}
        {loose_any!}
        3| {loose_any}
        typeof({number})
    """,
    "key": """
        strftime({format}, {date!})
        substr({date!}, 1, 4)
        date({ts!})
        {only_int!} % 3
        {only_int!} / 2
        typeof({anything!})
        hex({text!})
        substr({only_text!}, 1, 1)
        ({json!} ->> 'a')
    """,
    "counted": """
        count(*)
        count({anything!})
        sum({int!})
    """,
    "agg": """
        2| count(*) FILTER (WHERE {bool})
        sum({int!}) FILTER (WHERE {bool})
        max({key!}) FILTER (WHERE {bool})
        group_concat({int!})
        group_concat({only_text!}, '-')
        total({int!})
        total({float!})
        sum({bool!})
        sum({text!})
        sum({int!} > {int?})
        avg({num!} > {num?})
        sum(iif({bool}, 1, 0))
        avg({float!})
        json_group_array({int!})
        sum({loose_any!})
        sum(DISTINCT {num!})
    """,
    "window": """
        count(*) FILTER (WHERE {bool}) OVER ({partition}{total})
        sum({int!}) OVER ({partition}{total} GROUPS BETWEEN 1 PRECEDING AND CURRENT ROW)
        sum({int!}) OVER ({partition}{total} ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING EXCLUDE CURRENT ROW)
        total({float!}) OVER ({partition}{total})
        sum({loose_any!}) OVER ({partition}{total})
        group_concat({int!}) OVER ({partition}{total})
    """,
    "volatile": """
        datetime('now')
        random()
        current_date
        strftime('%f', 'now')
        changes()
    """,
}
