// history.html#BENCHMARK opens that graph in the frame.
"use strict";

(function () {
  const frame = document.getElementById("asv");
  if (!frame) {
    return;
  }
  const follow = () => {
    const place = frame.getAttribute("src").split("#")[0];
    frame.setAttribute("src", place + location.hash);
  };
  window.addEventListener("hashchange", follow);
  if (location.hash) {
    follow();
  }
})();
