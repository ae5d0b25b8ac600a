// Loaded by asv's page behind its own scripts: a colour for each machine, names for people, and
// data that a browser reads from disk.
"use strict";

(function () {
    // The small pictures: a colour for each machine, and points, since one point makes no line.
    var draw = $.plot;

    function separate(points) {
        var series = [{ data: [] }];
        points.forEach(function (point) {
            if (point[1] === null) {
                series.push({ data: [] });
            } else {
                series[series.length - 1].data.push(point);
            }
        });
        return series;
    }

    $.plot = $.extend(function (place, series, options) {
        if ($(place).is(".benchmark-plot")) {
            series = separate(series[0].data);
            options.series.points = { show: true, radius: 2 };
        }
        return draw(place, series, options);
    }, draw);

    // Browsers read no JSON from disk; DISK_DATA is the same data as a script.
    if (window.DISK_DATA) {
        $.ajaxTransport("json", function (options) {
            var found = window.DISK_DATA[decodeURIComponent(options.url.split("?")[0])];
            return {
                abort: function () {},
                send: function (_, done) {
                    $(document).ready(function () { // behind asv's own, as an answer would be
                        if (found === undefined) {
                            done(404, "not found");
                        } else {
                            done(200, "success", { json: JSON.parse(JSON.stringify(found)) });
                        }
                    });
                },
            };
        });
    }

    function legend() {
        var machines = $.asv.main_json.params.machine || [];
        var line = $('<p id="machines" style="padding: 1em 1em 0"/>');
        machines.forEach(function (machine, place) {
            var colour = $.asv.colors[place % $.asv.colors.length];
            line.append($("<b/>").text("— ").css("color", colour), machine + "   ");
        });
        return line;
    }

    function show_names() {
        var index = $.asv.main_json;
        var shown = decodeURIComponent(location.hash.slice(1).split("?")[0]);
        var benchmark = index.benchmarks && index.benchmarks[shown];
        if (benchmark && benchmark.pretty_name) {
            $("#title").text(benchmark.pretty_name);
        }
        // In the grid the heading has the name of the optimization already.
        $(".benchmark-group .benchmark-text").text(function (_, text) {
            return text.split(": ").pop();
        });
        if ($(".benchmark-group").length && !$("#machines").length) {
            $("#summarygrid-display").prepend(legend());
        }
        // The levels between an optimization and its graphs say nothing: they are always open.
        $("#graphdisplay-navigation label.nav-header").each(function () {
            if (["benchmark", "Speed"].includes($(this).text().trim())) {
                $(this).hide().next("ul.tree").show();
            }
        });
    }

    // Names stand at the left, where a phone begins to pan.
    var style = ".benchmark-group h1 { text-align: left; font-size: 1.7em; padding-left: 0.6em }";

    $(document).ready(function () {
        $("<style/>").text(style).appendTo("head");
        $("<style/>").text(".nav-list>li>.nav-header{display:block;line-height:1.5}").appendTo("head");
        var observer = new MutationObserver(function () {
            observer.disconnect(); // what is changed here is no reason to look again
            show_names();
            observer.observe(document.body, { childList: true, subtree: true });
        });
        observer.observe(document.body, { childList: true, subtree: true });
        $(window).on("hashchange", function () { setTimeout(show_names, 0); });
    });
})();
