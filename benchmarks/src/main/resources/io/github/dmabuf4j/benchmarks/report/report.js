'use strict';
(() => {
  const data = JSON.parse(document.getElementById('data').textContent);
  const drawn = new Map();
  const colour = name => getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim();
  const digits = value => value === 0 || Math.abs(value) >= 0.001 && Math.abs(value) < 1e6
      ? value.toLocaleString('en', {maximumSignificantDigits: 3}) : value.toExponential(1);

  // Draws the interval of each bar, and the line that is to be stayed left of.
  const marks = {
    id: 'marks',
    afterDatasetsDraw(chart, ignored, options) {
      const {ctx, chartArea: area, scales: {x}} = chart;
      ctx.save();
      ctx.beginPath();
      ctx.rect(area.left, area.top, area.width, area.height);
      ctx.clip();
      ctx.strokeStyle = colour('ink');
      ctx.lineWidth = 1.25;
      chart.data.datasets.forEach((set, index) => {
        if (!chart.isDatasetVisible(index)) { return; }
        chart.getDatasetMeta(index).data.forEach((bar, row) => {
          const span = set.spans[row];
          if (!span) { return; }
          const from = x.getPixelForValue(Math.max(span[0], x.min));
          const to = span[1] === null ? area.right : x.getPixelForValue(span[1]);
          const cap = Math.min(4, bar.height / 3);
          ctx.beginPath();
          ctx.moveTo(from, bar.y); ctx.lineTo(to, bar.y);
          ctx.moveTo(from, bar.y - cap); ctx.lineTo(from, bar.y + cap);
          ctx.moveTo(to, bar.y - cap); ctx.lineTo(to, bar.y + cap);
          ctx.stroke();
        });
      });
      if (options.line) {
        const at = x.getPixelForValue(options.line);
        ctx.lineWidth = 2;
        ctx.setLineDash([6, 4]);
        ctx.beginPath();
        ctx.moveTo(at, area.top); ctx.lineTo(at, area.bottom);
        ctx.stroke();
      }
      ctx.restore();
    }
  };

  // Words in lines of at most so many characters.
  const wrap = (text, width) => {
    const lines = [''];
    for (const word of text.split(' ')) {
      const last = lines[lines.length - 1];
      if (last && (last + ' ' + word).length > width) { lines.push(word); }
      else { lines[lines.length - 1] = last ? last + ' ' + word : word; }
    }
    return lines;
  };

  // Whiskers may leave the chart where errors are much larger than what was measured.
  const scale = (values, ends, logarithmic, title) => {
    const known = values.filter(value => value !== null);
    const positive = known.filter(value => value > 0);
    const most = Math.min(Math.max(0, ...known) * 3, Math.max(0, ...known, ...ends.filter(value => value !== null)));
    // Powers of ten, and between them what still has room.
    const decades = positive.length ? Math.log10(most / Math.min(...positive)) : 0;
    const round = value => {
      const digit = Math.round(value / 10 ** Math.floor(Math.log10(value) + 1e-9));
      return digit === 1 || decades < 2.5 && (digit === 2 || digit === 5) ? digits(value) : '';
    };
    const base = {
      title: {display: true, text: title, color: colour('quiet')},
      grid: {color: colour('line')},
      ticks: {color: colour('quiet'), maxRotation: 0, autoSkipPadding: 16, callback: logarithmic && positive.length ? round : digits}
    };
    return logarithmic && positive.length
        ? {...base, type: 'logarithmic', min: 10 ** (Math.ceil(Math.log10(Math.min(...positive))) - 1), suggestedMax: most}
        : {...base, beginAtZero: true, suggestedMax: most};
  };

  const draw = (id, categories, sets, x, options) => {
    const canvas = document.getElementById(id);
    const width = canvas.parentElement.clientWidth;
    const labels = categories.map(name => wrap(name, Math.max(12, Math.floor(width / 18))));
    const rows = labels.reduce((sum, lines) => sum + Math.max(sets.length * 15 + 10, lines.length * 15 + 8), 0);
    canvas.parentElement.style.height = rows + 60 + (sets.length > 1 ? 24 * Math.ceil(sets.length * 130 / width) : 0) + 'px';
    drawn.get(id)?.destroy();
    drawn.set(id, new Chart(canvas, {
      type: 'bar',
      data: {labels, datasets: sets},
      plugins: [marks],
      options: {
        indexAxis: 'y', animation: false, responsive: true, maintainAspectRatio: false,
        scales: {x, y: {grid: {display: false}, ticks: {color: colour('ink'), autoSkip: false}}},
        plugins: {
          marks: {line: options.line},
          legend: {display: sets.length > 1, labels: {color: colour('ink')}},
          tooltip: {callbacks: {
            title: items => categories[items[0].dataIndex],
            label: item => {
              const span = item.dataset.spans[item.dataIndex];
              const name = item.dataset.label ? item.dataset.label + ': ' : '';
              const end = span && (span[1] === null ? '∞' : digits(span[1]));
              return name + digits(item.raw) + ' ' + options.unit + (span ? ' (' + digits(span[0]) + ' to ' + end + ')' : '');
            }
          }}
        }
      }
    }));
  };

  const drawGauges = () => {
    const gauges = data.gauges;
    if (!gauges.length) { return; }
    const set = {
      label: '',
      data: gauges.map(one => one.value),
      spans: gauges.map(one => one.low === null ? null : [one.low, one.high]),
      backgroundColor: gauges.map(one => colour(one.verdict === 'MISSED' ? 'missed' : 'pass'))
    };
    draw('gauges', gauges.map(one => one.name), [set],
        scale([1, ...set.data], gauges.map(one => one.high), set.data.every(value => value > 0), 'multiples of the bar, logarithmic'), {line: 1, unit: '× the bar'});
  };

  const drawChart = chart => {
    const panel = chart.panels[document.getElementById(chart.id + '-panel').selectedIndex];
    const span = figure => figure && figure.error !== null
        ? [Math.max(0, figure.value - figure.error), figure.value + figure.error] : null;
    const sets = panel.series.map((series, index) => ({
      label: series.name,
      data: series.figures.map(figure => figure && figure.value),
      spans: series.figures.map(span),
      backgroundColor: colour('s' + index % 8)
    }));
    const values = sets.flatMap(set => set.data);
    const ends = sets.flatMap(set => set.spans.map(one => one && one[1]));
    const title = panel.unit + (panel.isLogarithmic ? ', logarithmic' : '');
    draw(chart.id, chart.categories, sets, scale(values, ends, panel.isLogarithmic, title), {unit: panel.unit});
  };

  const drawAll = () => {
    Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
    drawGauges();
    data.charts.forEach(drawChart);
  };
  data.charts.forEach(chart => document.getElementById(chart.id + '-panel').addEventListener('change', () => drawChart(chart)));
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawAll);
  let width = innerWidth;
  addEventListener('resize', () => {
    if (innerWidth !== width) { width = innerWidth; drawAll(); }
  });
  drawAll();
})();
